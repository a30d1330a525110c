import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createRun } from '../../src/project/index.ts';
import { renderAt } from '../../src/update/base.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { recordsOf, versionsWithRecords } from '../update/support/records.ts';

/** Whether a version is in the registry that everybody uses. */
async function isPublished(version: string): Promise<boolean> {
  try {
    const view = ['view', `create-mcp-sse@${version}`, 'version'];
    return (await promisify(execFile)('npm', view)).stdout.trim() === version;
  } catch (error) {
    if (/\bE404\b/.test((error as { stderr: string }).stderr)) return false;
    throw error;
  }
}

test.for(versionsWithRecords())('version %s still renders what it rendered', async (version, { skip }) => {
  if (!(await isPublished(version))) skip(`create-mcp-sse@${version} is not published yet`);
  const directory = temporaryDirectory();
  for (const record of recordsOf(version)) {
    const files = await renderAt(version, record, { directory, packageManager: 'npm', run: createRun() });
    const { rendered } = JSON.parse(`${files.get('create-mcp-sse.json')?.content}`);
    expect(rendered).toBe(record.rendered);
  }
});

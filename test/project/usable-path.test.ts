import { expect, test } from 'vitest';
import { requireUsablePath } from '../../src/project/usable-path.ts';

test.each([
  ['linux', '/a/b c/é日/it\'s "$x" `y` 100%;#?*<>|&!'],
  ['darwin', '/Users/me/CON/nul.txt'],
  ['win32', 'C:\\Users\\me\\my server'],
  ['win32', '\\\\server\\share\\x'],
] as const)('on %s a directory may be %s', (platform, path) => {
  expect(() => requireUsablePath(path, platform)).not.toThrow();
});

test.each([
  ['linux', '/a:b/c', 'a colon'],
  ['darwin', '/a/b:', 'a colon'],
  ['linux', '/a\\b', 'a backslash'],
  ['linux', '/a\nb', 'control characters'],
  ['linux', '/a\u0085b', 'control characters'],
  ['win32', 'C:\\a\u001bb', 'control characters'],
  ['linux', '/a\uFFFDb', 'UTF-8'],
  ['linux', '/a/node_modules/b', 'outside node_modules'],
  ['win32', 'C:\\a\\b;c', 'without any of'],
  ['win32', 'C:\\a\\b?', 'without any of'],
  ['win32', 'C:\\a\\b.', 'that Windows allows'],
  ['win32', 'C:\\nul.txt\\b', 'that Windows allows'],
] as const)('on %s a directory cannot be %j', (platform, path, why) => {
  const refused = { code: 'bad_input', flag: 'directory', message: expect.stringContaining(why) };
  expect(() => requireUsablePath(path, platform)).toThrow(expect.objectContaining(refused));
});

import type { McpServer, RegisteredTool } from '@modelcontextprotocol/server';
import { Ajv, AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import { countValues } from './count-values.ts';

/** Values of a call's arguments above which they are checked here first. */
const manyValues = 1000;

type Check = (args: unknown) => string | undefined;

/** By the schema of the tool: MCP servers come and go, schemas stay. */
const checks = new WeakMap<object, Check>();

/**
 * Refuses large arguments at the first value that does not fit. A tool's own schema would explain each of a hundred
 * thousand wrong values, and keep everybody waiting meanwhile.
 *
 * @throws {Error} that says what does not fit
 */
export function requireFittingArguments(
  mcpServer: McpServer,
  tool: RegisteredTool,
  args: unknown,
  name: string,
): void {
  const { inputSchema } = tool;
  if (inputSchema === undefined || countValues(args, manyValues) <= manyValues) return;
  let check = checks.get(inputSchema);
  if (check === undefined) {
    check = compile(mcpServer.toolInputSchemaJson(name));
    checks.set(inputSchema, check);
  }
  const reason = check(args);
  if (reason !== undefined)
    throw new Error(`Input validation error: Invalid arguments for tool ${name}: ${reason}`);
}

/** A schema that JSON Schema cannot express is left to the tool. */
function compile(schema: Record<string, unknown> | undefined): Check {
  if (schema === undefined) return () => undefined;
  // The first error is enough, and a format may be another thing to the tool's own schema.
  const ajv = new Ajv({ allErrors: false, strict: false, validateSchema: false, validateFormats: false });
  try {
    const validate = new AjvJsonSchemaValidator(ajv).getValidator(withoutPatterns(schema));
    return (args) => {
      const { valid, errorMessage } = validate(args);
      return valid ? undefined : errorMessage;
    };
  } catch {
    return () => undefined;
  }
}

/** Another engine may take endless time for a pattern, and this one need not know the dialect. */
function withoutPatterns(schema: Record<string, unknown>): Record<string, unknown> {
  const dropped = ['pattern', 'patternProperties', '$schema'];
  return JSON.parse(JSON.stringify(schema, (key, value) => (dropped.includes(key) ? undefined : value)));
}

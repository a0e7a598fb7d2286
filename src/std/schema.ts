import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ArgumentError, ValidationError, type ValidationIssue } from './errors.ts'

/** Any Standard Schema (zod, valibot, arktype…): https://standardschema.dev */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>

/** What a schema takes. */
export type InferInput<S extends Schema> = StandardSchemaV1.InferInput<S>

/** What a schema makes of its input. */
export type InferOutput<S extends Schema> = StandardSchemaV1.InferOutput<S>

/** Throws ArgumentError unless `value` is a Standard Schema. `where` names the option. */
export function requireSchema(value: unknown, where: string): void {
  const standard = (value as Partial<Schema> | null | undefined)?.['~standard']
  if (typeof standard?.validate !== 'function') {
    throw new ArgumentError(`${where}: expected a Standard Schema (zod, valibot, arktype, …), got ${typeof value}`)
  }
}

/** The parsed value, or ValidationError with every issue. Synchronous schemas stay synchronous. */
export function validate<S extends Schema>(
  schema: S,
  value: unknown,
  what: string,
): InferOutput<S> | Promise<InferOutput<S>> {
  const result = schema['~standard'].validate(value)
  return result instanceof Promise ? result.then((done) => settle<S>(done, what)) : settle<S>(result, what)
}

function settle<S extends Schema>(result: StandardSchemaV1.Result<unknown>, what: string): InferOutput<S> {
  if (!result.issues) return result.value as InferOutput<S>
  throw validationError(what, issuesOf(result.issues))
}

/** A schema's issues with plain paths. */
export function issuesOf(issues: readonly StandardSchemaV1.Issue[]): readonly ValidationIssue[] {
  return issues.map(toIssue)
}

/** The error of these issues, whose message has them all. */
export function validationError(what: string, issues: readonly ValidationIssue[]): ValidationError {
  const text = issues.map((issue) => (issue.path.length ? `${issue.path.join('.')}: ${issue.message}` : issue.message))
  return new ValidationError(`${what}: ${text.join('; ')}`, issues)
}

function toIssue(issue: StandardSchemaV1.Issue): ValidationIssue {
  const path = (issue.path ?? []).map((part) => {
    const key = typeof part === 'object' ? part.key : part
    return typeof key === 'number' ? key : String(key)
  })
  return { path, message: issue.message }
}

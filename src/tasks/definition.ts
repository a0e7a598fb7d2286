import type { ParsedTaskOptions } from '../config/parsedTaskOptions.ts'
import type { Schema } from '../std/schema.ts'
import type { Parameters } from './parameters.ts'
import type { TaskHooks } from './taskHooks.ts'

/** What a task is: its name, options, schemas and function. The wire never sees it. */
export interface TaskDefinition {
  readonly name: string
  readonly options: ParsedTaskOptions
  /** `positional`: the function takes a list of arguments. `object`: it takes one input object, and the context. */
  readonly style: 'positional' | 'object'
  /** Its parameters, where they were declared. */
  readonly params: Parameters | undefined
  /**
   * Its parameters as far as they are known: those declared, else those of the function or the schema, read at the
   * first use.
   */
  readonly parameters: Parameters | undefined
  readonly input: Schema | undefined
  readonly output: Schema | undefined
  readonly progress: Schema | undefined
  readonly chunk: Schema | undefined
  /** Undefined where it has none. */
  readonly hooks: TaskHooks | undefined
  readonly run: (...args: never[]) => unknown
}

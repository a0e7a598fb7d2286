import type { AnyTask } from '../../calls/task.ts'
import { assertEncodable } from '../../protocol/encoding.ts'
import { EncodeError, ValidationError } from '../../std/errors.ts'
import { bindCall, checkArguments } from '../../tasks/bind.ts'
import type { HttpScope } from '../apiContext.ts'
import { type InputError, type Problem, pointerTo } from '../output/problem.ts'
import { type Input, inputErrors, invalidInput } from './input.ts'
import type { DocumentPlace } from './workflowRefusal.ts'

/** A call of a task in the document of a workflow. */
export interface WorkflowCall {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** The result of what is before it comes before its arguments. */
  readonly partial: boolean
  readonly place: DocumentPlace
  /** It is an item of `celery.map` and its like: its place is that of the argument. */
  readonly item: boolean
}

/** Most faults that are reported. */
const MAX_ERRORS = 50

/** What is wrong with the arguments of these calls, by the schemas of their tasks; undefined where nothing is. */
export async function argumentProblem(calls: readonly WorkflowCall[], scope: HttpScope): Promise<Problem | undefined> {
  const errors: InputError[] = []
  for (const call of calls) {
    errors.push(...(await wrongArguments(call, scope)))
    if (errors.length >= MAX_ERRORS) break
  }
  return errors.length === 0 ? undefined : invalidInput(errors)
}

async function wrongArguments(call: WorkflowCall, { app }: HttpScope): Promise<readonly InputError[]> {
  const task = app.tasks.get(call.task)
  try {
    const serializer = task?.definition.options.serializer ?? app.config.serializer
    assertEncodable(call.args, 'args', serializer)
    assertEncodable(call.kwargs, 'kwargs', serializer)
    if (task) await (call.partial ? checkRest(task, call) : check(task, call))
    return []
  } catch (error) {
    if (error instanceof ValidationError || error instanceof EncodeError) return errorsOf(error, call, task)
    throw error
  }
}

async function check({ definition }: AnyTask, call: WorkflowCall): Promise<void> {
  await checkArguments(definition, bindCall(definition, call))
}

/**
 * The result that will be the first argument is not known yet: an empty text stands for it, and what is wrong with that
 * is no fault of the document.
 */
async function checkRest({ definition }: AnyTask, { args, kwargs }: WorkflowCall): Promise<void> {
  if (args.length === 0 && Object.keys(kwargs).length === 0) return
  const bound = bindCall(definition, { args: ['', ...args], kwargs })
  try {
    await checkArguments(definition, bound)
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error
    const first = definition.parameters?.list[0]?.name
    const own = error.issues.filter(({ path }) => path.length > 0 && path[0] !== first)
    if (own.length > 0) throw new ValidationError(error.message, own)
  }
}

function errorsOf(error: ValidationError | EncodeError, call: WorkflowCall, task: AnyTask | undefined): InputError[] {
  const { args, kwargs, partial, place, item } = call
  const named = Object.keys(kwargs).length > 0
  // With both, a fault is at the call: a name does not say where its value is.
  const mixed = named && (args.length > 0 || partial)
  const input: Input = named ? kwargs : partial ? ['', ...args] : args
  const within = item || mixed ? [] : [named ? 'kwargs' : 'args']
  const found = inputErrors(error, input, task) ?? []
  return found.map(({ pointer, ...rest }) => {
    const own = item || mixed ? '' : partial ? shifted(pointer.slice(1)) : pointer.slice(1)
    return { ...rest, pointer: `${pointerTo([...place.pointer, ...within])}${own}` }
  })
}

/** The index of an argument without the result before it. */
function shifted(pointer: string): string {
  return pointer.replace(/^\/(\d+)/, (_, index: string) => `/${Math.max(0, Number(index) - 1)}`)
}

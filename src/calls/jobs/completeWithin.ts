import { NotSupportedError, WorkerLostError } from '../../std/errors.ts'
import type { OpenStores } from '../../stores/open.ts'
import type { Completing } from '../../tasks/jobServices.ts'

/** `ctx.completeWithin`, in the process in which the transaction is open. */
export async function completeWithin(
  { unitOfWork, broker, backend }: OpenStores,
  client: object,
  completing: Completing,
  result: unknown,
  children: readonly string[],
): Promise<void> {
  const { completions } = unitOfWork
  if (!completions)
    throw new NotSupportedError(
      `completeWithin: expected a broker and a result backend that are one PostgreSQL database or one SQLite file, got ${broker.url} for messages, ${backend.url} for results`,
    )
  const completion = await completing.prepare(result, children)
  try {
    completing.written(await completions.write(client, completion))
  } catch (error) {
    completing.failed(error instanceof WorkerLostError)
    throw error
  }
}

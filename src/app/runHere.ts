import type { Config } from '../config/config.ts'
import type { Job } from '../protocol/job.ts'
import { validate } from '../std/schema.ts'
import { bindCall, checkArguments, invoke } from '../tasks/bind.ts'
import { childrenHere, DIRECT_ID, lineage, runAs, sourceHere } from '../tasks/current.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import { JobContext, type JobHost } from '../tasks/jobContext.ts'
import type { Resources } from '../tasks/resources.ts'

/**
 * A direct call: the function, in a context whose reports go nowhere. What it submits has the parent of the task around
 * it.
 */
export function runHere(
  definition: TaskDefinition,
  args: readonly unknown[],
  origin: string,
  { logger, resultSerializer: serializer, request, clock }: Config,
  resources: Resources,
): unknown {
  const parent = lineage()
  const job: Job = {
    id: DIRECT_ID,
    task: definition.name,
    args,
    kwargs: {},
    retries: 0,
    queue: '',
    redelivered: false,
    lost: 0,
    headers: {},
    parentId: parent?.parentId,
    rootId: parent?.rootId ?? DIRECT_ID,
    hostname: origin,
  }
  const host: JobHost = { signal: new AbortController().signal, report: () => undefined, log: logger }
  const { baseUrl } = request
  const around = { source: sourceHere(), children: childrenHere() }
  const context = new JobContext(job, definition, host, { serializer, clock, baseUrl, resources, ...around })
  const run = (checked: readonly unknown[]): unknown => runAs(context, () => invoke(definition, checked, context))
  if (definition.style === 'object') return runObject(definition, args, run)
  const checked = checkArguments(definition, bindCall(definition, { args, kwargs: {} }))
  return checked instanceof Promise ? checked.then(run) : run(checked)
}

/** A direct call of a task with an input schema. */
async function runObject(
  definition: TaskDefinition,
  args: readonly unknown[],
  run: (checked: readonly unknown[]) => unknown,
): Promise<unknown> {
  const bound = definition.params ? bindCall(definition, { args, kwargs: {} }) : [args[0]]
  const result = await run(await checkArguments(definition, bound))
  return definition.output ? validate(definition.output, result, `task ${definition.name}: result`) : result
}

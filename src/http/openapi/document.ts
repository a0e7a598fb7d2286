import type { JsonSchema } from '../../std/jsonSchema.ts'
import { FLEET_SCHEMAS, fleetPaths } from '../fleet/openapi/fleet.ts'
import { Answers } from './answers.ts'
import { anyCallPath } from './anyCall.ts'
import { DEAD_LETTER_SCHEMAS, deadLetterPaths } from './dead.ts'
import type { ApiInfo } from './info.ts'
import { batchPaths, jobPaths, metricsPath, SUBMIT_HEADERS, systemPaths, waitPaths } from './jobs.ts'
import { LIMIT_SCHEMAS, limitPaths } from './limits.ts'
import { HEADERS, SCHEMAS, WEBHOOK_SCHEMAS } from './schemas.ts'
import { delivery, type ExposedTask, taskParts } from './tasks.ts'
import { uploadPaths } from './uploads.ts'
import { treePath, WORKFLOW_SCHEMAS, workflowPath } from './workflows.ts'

/** What the description of an API is made from. */
export interface ApiFacts {
  readonly info: ApiInfo & { readonly title: string }
  /** Prefix where the API is mounted; '' at the root. */
  readonly server: string
  /** Path before `/tasks` and `/jobs`. */
  readonly base: string
  readonly tasks: readonly ExposedTask[]
  /** The scheme of HTTP authentication. Undefined where none is required. */
  readonly scheme: 'bearer' | 'basic' | undefined
  /** Requests are counted. */
  readonly limited: boolean
  /** The app sends webhooks. */
  readonly webhooks: boolean
  /** Metrics are served. */
  readonly metrics: boolean
  /** Inputs may come before their calls. */
  readonly uploads: boolean
  /** The fleet is shown. */
  readonly fleet: boolean
  /** Admins may call any task. */
  readonly anyTask: boolean
}

const DESCRIPTION = `Background tasks: submit a job, follow it, fetch its result.

Errors are problem documents (RFC 9457); their \`type\` never changes.`

/**
 * The license is the application's to choose (`info` of its options); this is SPDX' word for one that is not stated.
 */
const LICENSE = { name: 'Not stated', identifier: 'NOASSERTION' }

/** The API as an OpenAPI 3.1 document: one path per exposed task with its own schemas, then batches and jobs. */
export function openApi(facts: ApiFacts): JsonSchema {
  const { info, server, base, tasks, scheme, limited, webhooks, metrics, uploads, fleet, anyTask } = facts
  const answers = new Answers({ secured: scheme !== undefined, limited, audited: fleet })
  const own = tasks.map((task) => taskParts(task, { base, webhooks, scheme, uploads }, answers))
  const names = tasks.map(({ name }) => name)
  const paths = {
    ...Object.fromEntries(own.map(({ path, item }) => [path, item])),
    ...batchPaths(base, answers, webhooks),
    ...jobPaths(base, names, answers, { webhooks, fleet, anyTask }),
    ...treePath(base, answers),
    ...workflowPath(base, answers, { webhooks, fleet }),
    ...waitPaths(base, answers),
    ...deadLetterPaths(base, answers),
    ...(uploads ? uploadPaths(base, answers) : {}),
    ...(scheme || fleet ? limitPaths(base, answers) : {}),
    ...(fleet ? fleetPaths(base, answers) : {}),
    ...(anyTask ? anyCallPath(base, answers, webhooks) : {}),
    ...systemPaths(answers),
    ...(metrics ? metricsPath(answers, scheme !== undefined) : {}),
  }
  const responses = used(answers.components(), 'responses', paths)
  return {
    openapi: '3.1.1',
    info: { version: '1', description: DESCRIPTION, license: LICENSE, ...info },
    servers: [{ url: server || '/' }],
    security: scheme ? [{ [scheme]: [] }] : [],
    tags: [
      { name: 'tasks', description: 'Submit jobs.' },
      { name: 'batches', description: 'Submit many jobs at once.' },
      { name: 'workflows', description: 'Submit jobs that wait for each other, and see how they stand.' },
      { name: 'jobs', description: 'Follow jobs, cancel and repeat them.' },
      ...(scheme || fleet ? [{ name: 'limits', description: 'See what is limited, and pause it.' }] : []),
      ...(fleet ? [{ name: 'fleet', description: 'What runs, waits and fails in all processes.' }] : []),
      { name: 'system', description: 'The server itself.' },
    ],
    paths,
    ...(webhooks ? { webhooks: { jobEnded: delivery('JobEnded', 'jobEnded') } } : {}),
    components: {
      schemas: {
        ...SCHEMAS,
        ...WORKFLOW_SCHEMAS,
        ...DEAD_LETTER_SCHEMAS,
        ...(scheme || fleet ? LIMIT_SCHEMAS : {}),
        ...(fleet ? FLEET_SCHEMAS : {}),
        ...(webhooks ? WEBHOOK_SCHEMAS : {}),
        ...Object.assign({}, ...own.map(({ schemas }) => schemas)),
      },
      parameters: used(SUBMIT_HEADERS, 'parameters', paths),
      headers: used(HEADERS, 'headers', { paths, responses }),
      responses,
      ...(scheme ? { securitySchemes: { [scheme]: { type: 'http', scheme } } } : {}),
    },
  }
}

/** Those components that something refers to. */
function used(components: JsonSchema, section: string, by: JsonSchema): JsonSchema {
  const text = JSON.stringify(by)
  const isUsed = (name: string): boolean => text.includes(`"#/components/${section}/${name}"`)
  return Object.fromEntries(Object.entries(components).filter(([name]) => isUsed(name)))
}

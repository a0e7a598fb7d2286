// @ts-check
// npm run docs:api: what is written from the tables of options: the interfaces in src/ that users see, and the tables in docs/. It stands
// between two marks, as <TASK_OPTIONS> and </TASK_OPTIONS>. A test compares both with the tables.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ALERT_OPTIONS } from '../src/alerts/options.ts'
import { HOOK_OPTIONS } from '../src/app/lifeCycle/hookOptions.ts'
import { SCHEDULE_OPTIONS } from '../src/beat/scheduleOptions.ts'
import { APP_OPTIONS } from '../src/config/appOptions.ts'
import { CALL_OPTIONS } from '../src/config/callOptions.ts'
import { DEAD_LETTER_OPTIONS, QUEUE_OPTIONS } from '../src/config/queueOptions.ts'
import { RECORDER_OPTIONS } from '../src/config/recorderOptions.ts'
import { REQUEST_OPTIONS } from '../src/config/requestOptions.ts'
import { RETRY_OPTIONS } from '../src/config/retryOptions.ts'
import { ROUTE_OPTIONS } from '../src/config/routeOptions.ts'
import { BATCH_OPTIONS } from '../src/config/task/batchOptions.ts'
import {
  BREAKER_OPTIONS,
  CONCURRENCY_OPTIONS,
  FAIR_OPTIONS,
  RATE_LIMIT_OPTIONS,
  SHARED_LIMIT_OPTIONS,
} from '../src/config/task/limitOptions.ts'
import { DEBOUNCE_OPTIONS, THROTTLE_OPTIONS, UNIQUE_OPTIONS } from '../src/config/task/onceOptions.ts'
import { TASK_OPTIONS } from '../src/config/task/taskTable.ts'
import { WEBHOOK_OPTIONS } from '../src/config/webhookOptions.ts'
import { RECEIVER_OPTIONS } from '../src/events/receiverOptions.ts'
import { FLEET_OPTIONS } from '../src/http/fleet/options.ts'
import { HTTP_OPTIONS } from '../src/http/options.ts'
import { SERVE_OPTIONS } from '../src/http/server/serveOptions.ts'
import { defaultCode } from '../src/std/optionTable.ts'
import { RESOURCE_OPTIONS } from '../src/tasks/resource.ts'
import { TASK_HOOKS } from '../src/tasks/taskHooks.ts'
import { WORKER_OPTIONS } from '../src/worker/options.ts'
import { node, root } from './lib.mjs'

/**
 * @typedef {import('../src/std/optionTable.ts').AnyRow} Row
 * @typedef {{ readonly table: object, readonly source: string, readonly page: string }} Group a table, the file of its interface, its page in docs/
 */

/** @type {Readonly<Record<string, Group>>} */
const GROUPS = {
  APP_OPTIONS: { table: APP_OPTIONS, source: 'src/config/celeriacOptions.ts', page: 'docs/reference.md' },
  TASK_OPTIONS: { table: TASK_OPTIONS, source: 'src/config/taskOptions.ts', page: 'docs/reference.md' },
  ...limitGroups('docs/how-to/limit-what-runs.md', {
    RATE_LIMIT_OPTIONS,
    CONCURRENCY_OPTIONS,
    BREAKER_OPTIONS,
    SHARED_LIMIT_OPTIONS,
  }),
  ...limitGroups('docs/how-to/be-fair-to-tenants.md', { FAIR_OPTIONS }),
  UNIQUE_OPTIONS: {
    table: UNIQUE_OPTIONS,
    source: 'src/config/task/onceOptions.ts',
    page: 'docs/how-to/run-it-once.md',
  },
  DEBOUNCE_OPTIONS: {
    table: DEBOUNCE_OPTIONS,
    source: 'src/config/task/onceOptions.ts',
    page: 'docs/how-to/run-it-once.md',
  },
  THROTTLE_OPTIONS: {
    table: THROTTLE_OPTIONS,
    source: 'src/config/task/onceOptions.ts',
    page: 'docs/how-to/run-it-once.md',
  },
  BATCH_OPTIONS: {
    table: BATCH_OPTIONS,
    source: 'src/config/task/batchOptions.ts',
    page: 'docs/how-to/handle-in-batches.md',
  },
  RETRY_OPTIONS: { table: RETRY_OPTIONS, source: 'src/config/retryOptions.ts', page: 'docs/reference.md' },
  CALL_OPTIONS: { table: CALL_OPTIONS, source: 'src/config/callOptions.ts', page: 'docs/reference.md' },
  ROUTE_OPTIONS: { table: ROUTE_OPTIONS, source: 'src/config/routeOptions.ts', page: 'docs/reference.md' },
  WORKER_OPTIONS: { table: WORKER_OPTIONS, source: 'src/worker/options.ts', page: 'docs/reference.md' },
  RESOURCE_OPTIONS: {
    table: RESOURCE_OPTIONS,
    source: 'src/tasks/resource.ts',
    page: 'docs/how-to/resources-and-hooks.md',
  },
  HOOK_OPTIONS: {
    table: HOOK_OPTIONS,
    source: 'src/app/lifeCycle/hookOptions.ts',
    page: 'docs/how-to/resources-and-hooks.md',
  },
  TASK_HOOKS: { table: TASK_HOOKS, source: 'src/tasks/taskHooks.ts', page: 'docs/how-to/resources-and-hooks.md' },
  REQUEST_OPTIONS: { table: REQUEST_OPTIONS, source: 'src/config/requestOptions.ts', page: 'docs/request-context.md' },
  QUEUE_OPTIONS: { table: QUEUE_OPTIONS, source: 'src/broker/queueOptions.ts', page: 'docs/rabbitmq.md' },
  DEAD_LETTER_OPTIONS: {
    table: DEAD_LETTER_OPTIONS,
    source: 'src/config/queueOptions.ts',
    page: 'docs/how-to/after-an-outage.md',
  },
  WEBHOOK_OPTIONS: { table: WEBHOOK_OPTIONS, source: 'src/config/webhookOptions.ts', page: 'docs/webhooks.md' },
  SCHEDULE_OPTIONS: { table: SCHEDULE_OPTIONS, source: 'src/beat/scheduleOptions.ts', page: 'docs/schedules.md' },
  RECORDER_OPTIONS: { table: RECORDER_OPTIONS, source: 'src/config/recorderOptions.ts', page: 'docs/fleet.md' },
  RECEIVER_OPTIONS: {
    table: RECEIVER_OPTIONS,
    source: 'src/events/receiverOptions.ts',
    page: 'docs/how-to/watch-a-fleet.md',
  },
  HTTP_OPTIONS: { table: HTTP_OPTIONS, source: 'src/http/options.ts', page: 'docs/http.md' },
  FLEET_OPTIONS: { table: FLEET_OPTIONS, source: 'src/http/fleet/options.ts', page: 'docs/fleet.md' },
  ALERT_OPTIONS: { table: ALERT_OPTIONS, source: 'src/alerts/options.ts', page: 'docs/fleet.md' },
  SERVE_OPTIONS: { table: SERVE_OPTIONS, source: 'src/http/server/serveOptions.ts', page: 'docs/http.md' },
}
/** Columns of a comment with its indentation. */
const WIDTH = 120
/** Kinds whose values are `Duration`, `number` and so on in TypeScript. */
const TYPES = { duration: 'Duration', count: 'number', text: 'string', flag: 'boolean' }

/** @param {string} page @param {Readonly<Record<string, object>>} tables @returns {Record<string, Group>} */
function limitGroups(page, tables) {
  const entries = Object.entries(tables)
  return Object.fromEntries(
    entries.map(([name, table]) => [name, { table, source: 'src/config/task/limitOptions.ts', page }]),
  )
}

/** Each file that has a part from a table, as it should be. @returns {Map<string, string>} */
export function optionFiles() {
  /** @type {Map<string, string>} */
  const files = new Map()
  for (const [name, { table, source, page }] of Object.entries(GROUPS)) {
    /** @type {[string, Row][]} */
    const rows = Object.entries(table)
    const put = (/** @type {string} */ path, /** @type {string} */ part) => {
      const text = files.get(path) ?? readFileSync(join(root, path), 'utf8')
      files.set(path, withPart(text, name, part, path))
    }
    put(source, rows.map(memberOf).join('\n'))
    put(page, tableOf(rows, page))
  }
  return new Map([...files].map(([path, text]) => [path, format(path, text)]))
}

/** The text with the part between the marks of this name. @param {string} text @param {string} name @param {string} part @param {string} path */
function withPart(text, name, part, path) {
  const [before, , after, ...more] = text.split(new RegExp(`^(.*</?${name}>.*)$`, 'm')).filter((_, at) => at % 2 === 0)
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`expected the marks <${name}> and </${name}> once in ${path}`)
  const [open, close] = text.match(new RegExp(`^.*</?${name}>.*$`, 'gm')) ?? []
  return `${before}${open}\n${path.endsWith('.md') ? `\n${part}\n` : part}\n${close}${after}`
}

/** A member of the interface. @param {[name: string, row: Row]} option */
function memberOf([name, row]) {
  const type = typeOf(row)
  const optional = type.includes('=>') && !type.includes('|') ? `(${type})` : type
  return `${commentOf(row)}\n  ${name}${row.required ? `: ${type}` : `?: ${optional} | undefined`}`
}

/** @param {Row} row */
function typeOf({ kind, type, values = [] }) {
  if (type !== undefined) return type
  if (kind === 'choice')
    return values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value))).join(' | ')
  return TYPES[/** @type {keyof typeof TYPES} */ (kind)]
}

/** @param {Row} row */
function commentOf(row) {
  const sentences = plain([`${row.doc}.`, row.more, defaultSentence(row)].filter(Boolean).join(' '))
  const text = sentences.replace(/^[a-z]/, (letter) => letter.toUpperCase()).replaceAll('*/', '*\\/')
  if (text.length + 9 <= WIDTH) return `  /** ${text} */`
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = [lines.at(-1), word].filter(Boolean).join(' ')
    if (line.length + 5 > WIDTH) lines.push(word)
    else lines[lines.length - 1] = line
  }
  return ['  /**', ...lines.map((line) => `   * ${line}`), '   */'].join('\n')
}

/** @param {Row} row */
function defaultSentence(row) {
  if (row.required) return ''
  return row.absent === undefined ? `Default ${defaultOf(row)}.` : `Default: ${row.absent}.`
}

/** @param {Row} row */
function defaultOf(row) {
  return [`\`${defaultCode(row)}\``, row.unit].filter(Boolean).join(' ')
}

/** Without links: an editor would not find the pages. @param {string} markdown */
function plain(markdown) {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
}

/** @param {readonly [name: string, row: Row][]} rows @param {string} page */
function tableOf(rows, page) {
  const hasCelery = rows.some(([, { celery }]) => celery !== undefined)
  const columns = ['option', 'default', ...(hasCelery ? ["Celery's name"] : []), 'meaning']
  const lines = rows.map(([name, row]) => {
    const fallback = row.required ? 'required' : (row.absent ?? defaultOf(row))
    const celery = row.celery === undefined ? '' : `\`${row.celery}\``
    const meaning = row.more === undefined ? row.doc : `${row.doc}. ${row.more}`
    return [`\`${name}\``, fallback, ...(hasCelery ? [celery] : []), meaning]
  })
  return [columns, columns.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.map((cell) => linked(cell, page).replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}

/** A page's links to itself need no name of a file. @param {string} markdown @param {string} page */
function linked(markdown, page) {
  return markdown.replaceAll(`](${page.replace('docs/', '')}#`, '](#')
}

/** @param {string} path tells the language @param {string} text */
function format(path, text) {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  return execFileSync(node, [biome, 'format', `--stdin-file-path=${path}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of optionFiles()) writeFileSync(join(root, path), text)
}

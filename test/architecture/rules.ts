import { builtinModules } from 'node:module'
import type { Node } from 'acorn'
import { nodesOf, type Source } from './source.ts'

/** The floors, lowest first; an import may only go down, or stay in its own folder. */
export const floors: Readonly<Record<string, number>> = {
  std: 1,
  protocol: 2,
  broker: 3,
  backend: 4,
  stores: 5,
  payloads: 6,
  codec: 6,
  config: 7,
  request: 8,
  tasks: 9,
  calls: 10,
  canvas: 11,
  app: 12,
  control: 13,
  webhook: 13,
  events: 13,
  beat: 13,
  outbox: 13,
  recorder: 14,
  doctor: 14,
  worker: 15,
  telemetry: 16,
  alerts: 16,
  http: 17,
  client: 17,
  testing: 17,
  'celeriac.ts': 17,
  'index.ts': 17,
  dashboard: 18,
  cli: 18,
}

/** The public faces join what lies beside them on their floor. */
const sideways: Readonly<Record<string, readonly string[]>> = {
  'celeriac.ts': ['http'],
  'index.ts': ['celeriac.ts', 'http'],
}

/** What a folder does without, though it lies below: who calls tasks loads no worker, and no command loads the suites. */
const without: Readonly<Record<string, readonly string[]>> = {
  'celeriac.ts': ['worker'],
  'index.ts': ['worker'],
  http: ['worker', 'broker', 'stores'],
  client: ['worker'],
  cli: ['testing', 'broker', 'stores'],
}

/** Words that a folder does not know: what they mean reaches it as a `FollowUp` or as an `Extension` of the app. */
const unknownWords: Readonly<Record<string, RegExp>> = { app: /webhook/i, beat: /webhook/i, worker: /webhook/i }

/** Rooms of which the outer rooms see public classes only. */
const closedRooms = new Set(['app', 'calls', 'worker', 'beat', 'control'])

/** What the outer rooms use of these: what any application can use, and what is made for them. */
const faces: Readonly<Record<string, ReadonlySet<string>>> = {
  http: new Set([
    'app/app.ts',
    'app/jobStore.ts',
    'app/knownQueues.ts',
    'app/lifeCycle/storeAbilities.ts',
    'app/limits/limits.ts',
    'app/queues/peekQueue.ts',
    'beat/info.ts',
    'beat/schedules.ts',
    'beat/when/parse.ts',
    'control/control.ts',
    'calls/asyncResult.ts',
    'calls/eventFeed.ts',
    'calls/groupResult.ts',
    'calls/jobInfo.ts',
    'calls/task.ts',
    'calls/wait.ts',
    'calls/workflowOptions.ts',
  ]),
  cli: new Set([
    'app/app.ts',
    'app/jobStore.ts',
    'app/knownQueues.ts',
    'app/limits/limits.ts',
    'app/loadApp.ts',
    'app/storeInfo.ts',
    'calls/asyncResult.ts',
    'calls/jobInfo.ts',
    'calls/task.ts',
    'worker/banner.ts',
    'worker/options.ts',
    'worker/worker.ts',
    'beat/beat.ts',
    'beat/info.ts',
    'beat/scheduleOptions.ts',
    'beat/schedules.ts',
    'beat/when/at.ts',
    'beat/when/cron.ts',
    'beat/when/every.ts',
    'control/control.ts',
  ]),
}

/** The only file of `worker/` that knows the class `App`: the others know a `WorkerApp`. */
const workerFace = 'worker/worker.ts'

const inputOutput =
  /^node:(?:fs|net|https?|http2|dns|dgram|tls|child_process|cluster|worker_threads|timers|sqlite|readline|stream|process|os|perf_hooks|inspector|repl)(?:\/|$)/
const clockGlobals = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
  'performance',
  'process',
  'console',
])
/** What may read the clock of the machine: `std/clock.ts`, the client, which imports nothing, the pages, and code of tests. */
const mayReadClock = /^(?:std[/]clock[.]ts$|client[/]|dashboard[/]|testing[/])/
/** What may take `systemClock`: the default of the options, and the clock of leases, of threads, of random ids and of files. */
const maySystemClock = /^(?:std[/]|stores[/]|config[/]appOptions[.]ts$|payloads[/]directory[.]ts$)/
const storeClients = new Set(['ioredis', 'redis', 'amqplib', 'rabbitmq-client', 'pg', 'postgres'])
const maxLines = 400
const maxFunctionLines = 60
const maxFiles = 18
/** Lists of like things, each file of which a reader finds by its name alone. */
const longLists = new Set(['cli', 'protocol', 'std'])

/** The folder of src/ that a file lies in, or its own name when it lies in none. */
function partOf(path: string): string {
  return path.split('/')[0] as string
}

/** Imports that go up a floor, sideways into another folder, or to what the folder does without. */
export function floorProblems(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, imports }) => {
    const from = partOf(path)
    if (floors[from] === undefined) return [`${path}: ${from} has no floor`]
    return imports.flatMap(({ target }) => {
      const to = target === undefined ? from : partOf(target)
      if (from === to || sideways[from]?.includes(to)) return []
      if (floors[to] === undefined) return [`${path} imports ${target}: ${to} has no floor`]
      if (without[from]?.includes(to)) return [`${path} imports ${target}: ${from} does without ${to}`]
      if (floors[to] < (floors[from] as number)) return []
      return [`${path} (floor ${floors[from]}) imports ${target} (floor ${floors[to]})`]
    })
  })
}

/** Imports past the public classes: of `http/` and `cli/` from the rooms below, of `worker/` from the app. */
export function publicProblems(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, imports }) => {
    const from = partOf(path)
    const face = faces[from]
    return imports.flatMap(({ target }) => {
      if (target === undefined) return []
      if (from === 'worker' && target === 'app/app.ts' && path !== workerFace)
        return [`${path} imports ${target}: only ${workerFace} does`]
      if (!face || !closedRooms.has(partOf(target)) || face.has(target)) return []
      return [`${path} imports ${target}: ${from} uses public classes only`]
    })
  })
}

/** Lines with a word that the folder does not know, in code or in comments. */
export function wordProblems(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const word = unknownWords[partOf(path)]
    if (!word) return []
    const lines = text.split('\n').map((line, at) => ({ found: word.exec(line)?.[0], number: at + 1 }))
    return lines.flatMap(({ found, number }) => (found ? [`${path}:${number}: the word ${found}`] : []))
  })
}

/** Relative imports that do not name an existing file, imports of ourselves by name, and barrels inside of src/. */
export function targetProblems(sources: readonly Source[]): string[] {
  const paths = new Set(sources.map(({ path }) => path))
  return sources.flatMap(({ path, imports }) => [
    ...(path.endsWith('/index.ts') ? [`${path}: a folder has no index.ts`] : []),
    ...imports.flatMap(({ specifier, target }) => {
      if (target !== undefined)
        return paths.has(target) ? [] : [`${path} imports ${specifier}, which is no file of src/`]
      return /^celeriac(?:\/|$)/.test(specifier) ? [`${path} imports ${specifier} by name, past the floors`] : []
    }),
  ])
}

/** Every circle once, as the path around it. */
export function circles(sources: readonly Source[]): string[] {
  const graph = new Map(sources.map(({ path, imports }) => [path, imports.flatMap(({ target }) => target ?? [])]))
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path)
    if (start >= 0) found.push([...trail.slice(start), path].join(' -> '))
    if (start >= 0 || done.has(path)) return
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}

/** Input, output, timers or the time of day in protocol/, also through what it imports. */
export function protocolProblems(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const reached = new Set(sources.filter(({ path }) => partOf(path) === 'protocol'))
  for (const { imports } of reached) {
    for (const { target, kind } of imports) {
      const source = target === undefined || kind === 'type' ? undefined : byPath.get(target)
      if (source) reached.add(source)
    }
  }
  return [...reached].flatMap((source) => [
    ...source.imports
      .filter(({ specifier, kind }) => kind !== 'type' && inputOutput.test(nodeName(specifier)))
      .map(({ specifier }) => `${source.path}: protocol reaches ${specifier}`),
    ...(partOf(source.path) === 'protocol' ? impureWords(source) : []),
  ])
}

/** What keeps the client out of a browser: imports of Node, of packages, and of other folders' code. Types are erased. */
export function clientProblems(sources: readonly Source[]): string[] {
  const own = sources.filter(({ path }) => partOf(path) === 'client')
  return own.flatMap(({ path, imports }) =>
    imports
      .filter(({ target, kind }) => kind !== 'type' && (target === undefined || partOf(target) !== 'client'))
      .map(({ specifier }) => `${path} imports ${specifier}, which a browser does not get`),
  )
}

/** What is part of the bundled pages; users do not install it. */
const pagePackages = new Set(['preact'])

/** What the pages import beside themselves, the client, and types of documents: they speak to the server by HTTP. */
export function dashboardProblems(sources: readonly Source[]): string[] {
  const own = sources.filter(({ path }) => partOf(path) === 'dashboard')
  return own.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, target, kind }) => {
      const to = target === undefined ? undefined : partOf(target)
      if (to === undefined && pagePackages.has(packageOf(specifier))) return []
      if (to === 'dashboard' || to === 'client' || (to === 'protocol' && kind === 'type')) return []
      return [`${path} imports ${specifier}: expected a page, the client, or a type of protocol/`]
    }),
  )
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Moments that are not read from the clock of the app: an outcome could not be reproduced. */
export function clockProblems(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, program }) =>
    [...nodesOf(program)].flatMap((node) => {
      const at = `${path}:${node.loc?.start.line}`
      const moment = mayReadClock.test(path) ? undefined : momentOf(node)
      if (moment !== undefined) return [`${at}: ${moment}, past the clock of the app`]
      const isSystem = node.type === 'ImportSpecifier' && (node.imported as { name?: string }).name === 'systemClock'
      return isSystem && !maySystemClock.test(path) ? [`${at}: systemClock, past the clock of the app`] : []
    }),
  )
}

/** How the node reads the clock of the machine; undefined if it does not. */
function momentOf(node: Node & Record<string, unknown>): string | undefined {
  const named = (value: unknown): string | undefined => (value as { name?: string } | undefined)?.name
  if (node.type === 'MemberExpression' && named(node.object) === 'Date' && named(node.property) === 'now')
    return 'Date.now()'
  if (named(node.callee) !== 'Date') return undefined
  if (node.type === 'CallExpression') return 'Date()'
  return (node.arguments as unknown[]).length === 0 ? 'new Date()' : undefined
}

function nodeName(specifier: string): string {
  return builtinModules.includes(specifier) ? `node:${specifier}` : specifier
}

function impureWords({ path, program }: Source): string[] {
  const word = (node: Node & Record<string, unknown>): string | undefined => {
    const moment = momentOf(node)
    if (moment !== undefined) return moment
    const callee = (node.callee ?? {}) as { name?: string }
    const owner = node.type === 'MemberExpression' ? (node.object as { name?: string }).name : callee.name
    return owner !== undefined && clockGlobals.has(owner) ? owner : undefined
  }
  return [...nodesOf(program)].flatMap((node) => {
    const found = word(node)
    return found ? [`${path}:${node.loc?.start.line}: ${found} in protocol`] : []
  })
}

/** Regular expressions made of anything but constants: a text from outside must not become a pattern. */
export function patternProblems(sources: readonly Source[]): string[] {
  const isConstant = (node: Node & Record<string, unknown>): boolean => {
    if (node.type === 'Literal') return true
    if (node.type === 'Identifier') return /^[A-Z][A-Z_0-9]*$/.test(node.name as string)
    return node.type === 'TemplateLiteral' && (node.expressions as (typeof node)[]).every(isConstant)
  }
  return sources.flatMap(({ path, program }) =>
    [...nodesOf(program)].flatMap((node) => {
      const isPattern =
        /^(?:New|Call)Expression$/.test(node.type) && (node.callee as { name?: string }).name === 'RegExp'
      if (!isPattern || isConstant((node.arguments as (typeof node)[])[0] as typeof node)) return []
      return [`${path}:${node.loc?.start.line}: a regular expression that is not made of constants`]
    }),
  )
}

/** Numbered parameters of SQL: Node 22's `node:sqlite` binds `?` and `:name` alone. */
export function statementProblems(sources: readonly Source[]): string[] {
  const textOf = (node: Node & Record<string, unknown>): string => {
    if (node.type === 'TemplateElement') return (node.value as { raw: string }).raw
    return node.type === 'Literal' && typeof node.value === 'string' ? node.value : ''
  }
  return sources
    .filter(({ path }) => path.startsWith('stores/sqlite/'))
    .flatMap(({ path, program }) =>
      [...nodesOf(program)]
        .filter((node) => /[?]\d/.test(textOf(node)))
        .map((node) => `${path}:${node.loc?.start.line}: a numbered parameter`),
    )
}

/** Packages that package.json does not bring, and clients of stores that are not loaded on demand. */
export function packageProblems(sources: readonly Source[], declared: ReadonlySet<string>): string[] {
  const shipped = sources.filter(({ path }) => partOf(path) !== 'dashboard')
  return shipped.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, target, kind }) => {
      const isOurs = target !== undefined || nodeName(specifier).startsWith('node:')
      const name = packageOf(specifier)
      if (isOurs) return []
      if (storeClients.has(name) && kind === 'value') return [`${path} imports ${name} statically`]
      return declared.has(name) ? [] : [`${path} imports ${name}, which is no dependency`]
    }),
  )
}

/** What src/index.ts has besides re-exports. */
export function faceProblems(sources: readonly Source[]): string[] {
  const face = sources.find(({ path }) => path === 'index.ts')
  if (!face) return ['index.ts is missing']
  return face.program.body
    .filter((node) => node.type !== 'ExportAllDeclaration' && !(node.type === 'ExportNamedDeclaration' && node.source))
    .map((node) => `index.ts:${node.loc?.start.line}: ${node.type} is no re-export`)
}

/** Files and functions that do not fit. */
export function sizeProblems(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, lines, program }) => [
    ...(lines > maxLines ? [`${path}: ${lines} lines (at most ${maxLines})`] : []),
    ...[...nodesOf(program)].flatMap((node) => {
      const { start, end } = node.loc ?? {}
      const isFunction = /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)
      if (!isFunction || !start || !end) return []
      const length = end.line - start.line + 1
      return length > maxFunctionLines
        ? [`${path}:${start.line}: a function of ${length} lines (at most ${maxFunctionLines})`]
        : []
    }),
  ])
}

/** Folders that hold more files than a reader takes in at one look. */
export function folderProblems(sources: readonly Source[]): string[] {
  const counts = new Map<string, number>()
  for (const { path } of sources) {
    const folder = path.split('/').slice(0, -1).join('/')
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  return [...counts]
    .filter(([folder, count]) => count > maxFiles && !longLists.has(folder))
    .map(([folder, count]) => `${folder}: ${count} files (at most ${maxFiles})`)
}

import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isOptions } from '../scripts/api.mjs'
import { exportsOf, headOf } from '../scripts/declarations.mjs'
import { command } from './command.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
const subpaths = Object.entries<{ types?: string }>(exports).filter(([, { types }]) => types !== undefined)

/** What the package exports, as an import names it. */
export const modules = subpaths.map(([subpath]) => subpath.replace('.', 'celeriac'))

/** The files of a consumer: an ES module, a CommonJS file, and one for `exactOptionalPropertyTypes`. */
export const [MODULE, COMMON, OPTIONS] = ['consumer.ts', 'consumer.cts', 'options.ts']

/** What users write as options, beside the interfaces that are named so. */
const INPUTS = [
  'ApiInfo',
  'BasicUser',
  'CrontabSpec',
  'EverySpec',
  'Identity',
  'JobFilter',
  'ListFilter',
  'NamedCall',
  'PythonDetails',
  'PythonNamed',
  'RateLimit',
  'ScheduleChanges',
  'ScheduledOptions',
  'TaskExample',
]

/** A project with the package in its node_modules, compiled without `skipLibCheck`. */
export class Consumer {
  readonly #project: string

  constructor(project: string) {
    this.#project = project
  }

  /**
   * What a compiler says of these files and of our declarations; what it says of other packages is not ours. `compiler` is the folder of its
   * package. Of our devDependencies the project sees the types of Node alone.
   */
  async errors(compiler: string, options: object, files: readonly string[]): Promise<string[]> {
    const types = join(this.#project, 'node_modules', '@types')
    await mkdir(types, { recursive: true })
    await symlink(join(root, 'node_modules/@types/node'), join(types, 'node')).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    const texts = { [MODULE]: moduleText, [COMMON]: moduleText, [OPTIONS]: this.#optionsText() }
    for (const file of files) await writeFile(join(this.#project, file), texts[file] as string)
    const compilerOptions = { ...options, strict: true, noEmit: true, skipLibCheck: false, types: ['node'] }
    await writeFile(join(this.#project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    const args = [join(compiler, 'bin', 'tsc'), '-p', '.', '--pretty', 'false']
    const { code, stdout, stderr } = await command(process.execPath, args, { cwd: this.#project, limit: 120_000 })
    if (code !== 0 && !/error TS\d+/.test(stdout)) throw new Error(`tsc: exit code ${code}\n${stdout}${stderr}`)
    const lines = stdout.split('\n').filter((line) => /error TS\d+/.test(line))
    return lines.filter((line) => !/^(?:\.\.\/.*)?node_modules\/(?!celeriac\/)/.test(line))
  }

  /** Fails to compile where an option of a public type cannot be undefined; the error names both. */
  #optionsText(): string {
    const taken = subpaths.flatMap(([, { types = '' }], index) =>
      exportsOf(join(this.#project, 'node_modules', 'celeriac', types))
        .filter((each) => isOptions(each) || INPUTS.includes(each.name))
        .map(({ name, texts: [text = ''] }) => {
          const isGeneric = /^export interface \w+<\w+[,>]/.test(headOf(text))
          return `  true as Takes<'${name}', module${index}.${name}${isGeneric ? '<any>' : ''}>,`
        }),
    )
    return `${imports('import type')}\n${optionsText}\nexport const taken: true[] = [\n${taken.join('\n')}\n]\n`
  }
}

function imports(keyword: string): string {
  return modules.map((name, index) => `${keyword} * as module${index} from '${name}'`).join('\n')
}

/** Fails to compile when a subpath has no types, or when a task's types do not reach its caller. */
const moduleText = `
import { Celeriac } from 'celeriac'
${imports('import')}

type IsAny<T> = 0 extends 1 & T ? true : false
export const typed: false[] = [${modules.map((_, index) => `false as IsAny<typeof module${index}>`).join(', ')}]

const app = new Celeriac()
const add = app.task('add', (x: number, y: number) => x + y)
export async function call(): Promise<number> {
  // @ts-expect-error the second argument is missing
  await add.delay(1)
  // @ts-expect-error the first argument is no number
  await add.delay('1', 2)
  const result = await add.delay(1, 2)
  return await result.get({ timeout: 1000 })
}
`

/** Options from the environment, which may be missing, and from code that has none. */
const optionsText = `
import { Celeriac, crontab, every, Reject } from 'celeriac'
import { createClient } from 'celeriac/client'
import { createHttp, serve } from 'celeriac/http'
import { Worker } from 'celeriac/worker'

type Refused<T> = {
  [K in keyof T]-?: {} extends Pick<T, K> ? ({ [P in K]: undefined } extends Pick<T, K> ? never : K) : never
}[keyof T]
// An option that is a text or a number has no members.
type Takes<Name, T> = [Refused<Extract<T, object>>] extends [never] ? true : [Name, Refused<T>]
// @ts-expect-error proves that the next lines can fail
export const proof: true = true as Takes<'proof', { option?: string }>

const { env } = process
const app = new Celeriac({ broker: env.BROKER, backend: env.BACKEND, lease: env.LEASE })
const add = app.task('add', (x: number, y: number) => x + y, { queue: env.QUEUE, priority: undefined })
app.use({ send: undefined, run: undefined })
app.schedule('daily', crontab({ minute: env.MINUTE }), { task: add, args: [1, 2], options: undefined }, { end: undefined })
app.schedule('often', every('1m', { from: env.FROM }), { task: 'add', args: undefined, kwargs: undefined })
export async function call(): Promise<void> {
  await add.applyAsync([1, 2], { queue: env.QUEUE, eta: undefined, retry: { max: 1, delay: env.DELAY } })
  await app.jobs({ state: env.STATE, limit: undefined })
  const worker = new Worker(app, { hostname: env.NAME, logger: undefined })
  await worker.stop({ grace: env.GRACE, reason: undefined })
  await serve(createHttp(app, { expose: [add], basePath: env.BASE, info: { contact: { url: env.URL } } }), { host: env.HOST })
  await createClient('/', { token: env.TOKEN }).completeWait('token', null, { signal: undefined })
  throw new Reject('busy', { requeue: undefined })
}
`

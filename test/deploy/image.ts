import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, matchesGlob, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { output, shellEnv } from '../command.ts'
import { assignment, fill, readDockerfile, type Stage, words } from './dockerfile.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/*
 * What `docker build` does, without Docker: each stage is a folder, COPY copies, RUN runs, here and as this user. The base image is this
 * machine with the repository's Node. The repository's own packages are not installed anew: links to them stand for that.
 */

/** What an image says of itself, and the folder that stands for its file system. */
export interface Image {
  readonly folder: string
  readonly workdir: string
  readonly user: string | undefined
  readonly env: Readonly<Record<string, string>>
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  /** The command of HEALTHCHECK. */
  readonly health: readonly string[]
  /** Remove all of it. */
  remove(): void
}

/** Longest time of one RUN, ms: npm asks the registry, and its cache may be empty. */
const RUN_LIMIT = 240_000

/** Build the image of a Dockerfile in a temporary folder. `context`: the folder that is sent to Docker. */
export async function buildImage(file: string = join(ROOT, 'Dockerfile'), context: string = ROOT): Promise<Image> {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-image-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  try {
    const { root, workdir, user, env, entrypoint, cmd, health } = await buildStages(file, context, folder)
    return { folder: root, workdir, user, env: Object.fromEntries(env), entrypoint, cmd, health, remove }
  } catch (error) {
    remove()
    throw error
  }
}

/** The last stage; each is a folder in `folder`. */
async function buildStages(file: string, context: string, folder: string): Promise<Building> {
  const done = new Map<string, Building>()
  let last: Building | undefined
  for (const [index, stage] of readDockerfile(file).entries()) {
    last = new Building(join(folder, String(index)), context, done)
    await last.build(stage)
    done.set(stage.name ?? String(index), last)
  }
  if (!last) throw new Error(`${file}: expected a stage, got none`)
  return last
}

/** The environment of a container: the image's, found below `folder`, and nothing of ours but how to find programs. */
export function containerEnv({ folder, env }: Image): Record<string, string> {
  const own = (env.PATH ?? '').split(':').filter((part) => part !== '$PATH')
  const path = [...own.map((part) => join(folder, part)), dirname(process.execPath), process.env.PATH]
  return { ...env, PATH: path.join(delimiter), HOME: folder }
}

class Building {
  readonly root: string
  readonly env = new Map<string, string>()
  workdir = '/'
  user: string | undefined
  entrypoint: readonly string[] = []
  cmd: readonly string[] = []
  health: readonly string[] = []
  readonly #args = new Map<string, string>()
  readonly #context: string
  readonly #stages: ReadonlyMap<string, Building>

  constructor(root: string, context: string, stages: ReadonlyMap<string, Building>) {
    this.root = root
    this.#context = context
    this.#stages = stages
    mkdirSync(root)
  }

  async build({ instructions }: Stage): Promise<void> {
    for (const { name, text } of instructions) {
      if (name === 'ARG') this.#args.set(...assignment(text))
      else if (name === 'ENV') this.env.set(...assignment(text))
      else if (name === 'WORKDIR') this.#enter(text)
      else if (name === 'COPY') this.#copy(text)
      else if (name === 'RUN') await this.#run(fill(text, this.#args))
      else if (name === 'USER') this.user = text
      else if (name === 'ENTRYPOINT') this.entrypoint = words(text)
      else if (name === 'CMD') this.cmd = words(text)
      else if (name === 'HEALTHCHECK') this.health = words(text.replace(/^.*? CMD /, ''))
      else if (name !== 'EXPOSE') throw new Error(`expected an instruction that is known here, got ${name}`)
    }
  }

  /** Where a path of the image is. */
  at(path: string): string {
    return join(this.root, resolve(this.workdir, path))
  }

  #enter(path: string): void {
    this.workdir = resolve(this.workdir, path)
    mkdirSync(this.at('.'), { recursive: true })
  }

  #copy(text: string): void {
    const all = text.split(' ')
    const from = all.find((word) => word.startsWith('--from='))?.slice('--from='.length)
    const [target = '', ...sources] = all.filter((word) => !word.startsWith('--')).reverse()
    const stage = from === undefined ? undefined : this.#stages.get(from)
    if (from !== undefined && !stage) throw new Error(`COPY --from=${from}: there is no such stage`)
    const keeps = stage ? () => true : ignoring(this.#context)
    for (const source of sources) {
      const path = stage ? stage.at(source) : join(this.#context, source)
      if (!existsSync(path) || !keeps(path)) throw new Error(`COPY ${source}: not there, or in .dockerignore`)
      const into = /(?:^|\/)\.?$/.test(target) && !statSync(path).isDirectory() ? join(target, basename(path)) : target
      cpSync(path, this.at(into), { recursive: true, filter: keeps, preserveTimestamps: true, verbatimSymlinks: true })
    }
  }

  async #run(command: string): Promise<void> {
    if (command.startsWith('npm install --no-save ')) {
      this.#linkPackages()
      return
    }
    // What is in npm's cache need not be fetched again.
    const env = shellEnv({ npm_config_prefer_offline: 'true', npm_config_loglevel: 'error' })
    await output('sh', ['-ec', command], { cwd: this.at('.'), env, limit: RUN_LIMIT })
  }

  /** As `npm install` in a copy of the repository; with the mark that our scripts leave after it. */
  #linkPackages(): void {
    const modules = this.at('node_modules')
    mkdirSync(modules)
    for (const name of readdirSync(join(ROOT, 'node_modules'))) {
      if (!/^\.(?!bin)/.test(name)) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
    }
    writeFileSync(join(modules, '.installed'), '')
  }
}

/** Whether a file of the context is sent to Docker, by .dockerignore: the last pattern that matches it, or a folder that it is in, decides. */
export function ignoring(context: string): (path: string) => boolean {
  const file = join(context, '.dockerignore')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  return (path) => {
    const name = relative(context, path)
    const parts = name.split('/')
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
    return lines.reduce((kept, line) => {
      const pattern = line.replace(/^!/, '')
      return name !== '' && paths.some((each) => matchesGlob(each, pattern)) ? line.startsWith('!') : kept
    }, true)
  }
}

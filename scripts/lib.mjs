// @ts-check
// What the scripts share. Plain JavaScript without dependencies: it runs before anything is installed, on Node 18 and later.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const onWindows = process.platform === 'win32'
const modules = join(root, 'node_modules')
/** Written after an installation of ours that ended well; npm's own record is newer when somebody installed since. */
const stamp = join(modules, '.installed')
const inputs = ['package.json', 'package-lock.json', join('node_modules', '.package-lock.json')]

/** The repository's own Node 24, whatever Node runs this script. */
export const node = nodeIn(modules)
export const nodeFlags = ['--disable-warning=ExperimentalWarning', '--conditions=source']

/** @param {string} folder a node_modules @returns {string} */
function nodeIn(folder) {
  return join(folder, 'node', 'bin', onWindows ? 'node.exe' : 'node')
}

/** The environment for child processes: this Node and the installed tools come first on the PATH. */
export function environment(program = node) {
  const path = [join(modules, '.bin'), dirname(program), process.env.PATH].join(delimiter)
  return { ...process.env, PATH: path }
}

/** Prints one line to stderr and ends the process. @param {string} message @param {number} code @returns {never} */
export function fail(message, code = 1) {
  console.error(message)
  process.exit(code)
}

/** Installs the dependencies when they are missing or older than package.json or its lock file. */
export function ensureInstalled() {
  if (isInstalled()) return
  console.log('Installing dependencies (npm install) ...')
  npmInstall(process.env)
  if (!nodeWorks()) {
    fail(
      `npm install ended well, but ${node} does not run: install scripts must be allowed (npm config get ignore-scripts)`,
    )
  }
  // npm leaves out optional packages, native parts among them, that do not support the Node it runs on; ours they do.
  if (Number.parseInt(process.versions.node, 10) < 22) npmInstall(environment())
  writeFileSync(stamp, '')
}

/** @param {NodeJS.ProcessEnv} env @param {string} [folder] */
function npmInstall(env, folder = root) {
  const flags = ['install', '--no-save', '--include=dev', '--include=optional', '--no-audit', '--no-fund']
  const args = [...flags, '--loglevel=error']
  const { status, error } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit', shell: onWindows, env })
  if (error) fail(`npm could not be started: ${error.message}`)
  if (status !== 0) fail(`npm install failed with exit code ${status}`)
}

/**
 * Installs another version of Node into a cache folder, unless it is there, and returns its path.
 * @param {string} name of the folder @param {{ node: string }} dependencies @returns {string}
 */
export function install(name, dependencies) {
  const folder = join(modules, '.cache', name)
  const program = nodeIn(join(folder, 'node_modules'))
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  const manifest = { private: true, dependencies, allowScripts: { node: true } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  npmInstall(process.env, folder)
  return program
}

function isInstalled() {
  if (!existsSync(stamp) || !nodeWorks()) return false
  const since = statSync(stamp).mtimeMs
  return inputs.map((name) => join(root, name)).every((file) => !existsSync(file) || statSync(file).mtimeMs <= since)
}

function nodeWorks() {
  return existsSync(node) && spawnSync(node, ['--version']).status === 0
}

/**
 * Runs a program to its end in the repository's folder; SIGINT and SIGTERM are passed on to it.
 * Resolves to its exit code, or 128 + the number of the signal that ended it.
 * @param {string} file @param {readonly string[]} args @param {NodeJS.ProcessEnv} [env] @returns {Promise<number>}
 */
export function run(file, args, env = environment()) {
  return ending(spawn(file, args, { cwd: root, stdio: 'inherit', env }))
}

/**
 * As `run`, with what the program wrote to both of its outputs.
 * @param {string} file @param {readonly string[]} args @param {NodeJS.ProcessEnv} [env]
 */
export async function output(file, args, env = environment()) {
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      text += chunk
    })
  }
  const code = await ending(child)
  return { code, text }
}

/** @param {import('node:child_process').ChildProcess} child @returns {Promise<number>} */
function ending(child) {
  const forward = forwarder(child)
  for (const signal of forwarded) process.on(signal, forward)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      for (const each of forwarded) process.off(each, forward)
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}

const forwarded = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

/** The same signal again within this time (ms) is the same wish, told by npm as well as by the terminal or supervisor. */
const echo = 500

/**
 * A second signal would turn the child's warm stop into a cold one, so each wish is passed on once; not at all is
 * Ctrl-C at a terminal, which has reached the child already, being sent to the whole process group.
 * @param {import('node:child_process').ChildProcess} child
 */
function forwarder(child) {
  /** @type {Map<string, number>} */
  const last = new Map()
  return (/** @type {NodeJS.Signals} */ signal) => {
    const isEcho = Date.now() - (last.get(signal) ?? 0) < echo
    last.set(signal, Date.now())
    if (!isEcho && !(signal === 'SIGINT' && process.stdin.isTTY)) child.kill(signal)
  }
}

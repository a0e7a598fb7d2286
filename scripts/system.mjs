// @ts-check
// The parts that the tests need and npm cannot bring: a Redis server; a RabbitMQ server; PostgreSQL; nginx; a browser; Python with Celery, whose messages are our reference, and NumPy.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fail } from './lib.mjs'

const python = '/usr/bin/python3'
const modules = {
  celery: 'python3-celery',
  redis: 'python3-redis',
  msgpack: 'python3-msgpack',
  cryptography: 'python3-cryptography',
  numpy: 'python3-numpy',
  ephem: 'python3-ephem',
}
const programs = { 'redis-server': 'redis-server' }
/** Of `npm run test:full` alone. */
const fullPrograms = { zsh: 'zsh', fish: 'fish' }
// Looked for by name: run with --version, rabbitmq-server starts a server.
const files = { 'rabbitmq-server': 'rabbitmq-server', chromium: 'chromium', initdb: 'postgresql', nginx: 'nginx' }
/** Of `npm run test:full` alone. */
const fullFiles = { pgbouncer: 'pgbouncer' }

/**
 * Installs what is missing with apt-get where that is possible; else says what to install and ends the process.
 * @param {boolean} isFull for `npm run test:full`
 */
export function ensureSystemParts(isFull) {
  const wanted = missingPackages(isFull)
  if (wanted.length === 0) return
  console.log(`Installing with apt-get: ${wanted.join(', ')} ...`)
  const problem = aptInstall(wanted)
  const missing = missingPackages(isFull)
  const installed = wanted.filter((name) => !missing.includes(name))
  if (installed.length > 0) console.log(`apt-get has installed: ${installed.join(', ')}`)
  if (missing.length === 0) return
  console.error(`apt-get could not install: ${missing.join(', ')} (${problem})`)
  fail(`The tests need them. Please run: sudo apt-get install -y ${missing.join(' ')}`)
}

/** @param {boolean} isFull */
function missingPackages(isFull) {
  const imports = (/** @type {string} */ name) => works(python, ['-c', `import ${name}`])
  const runs = (/** @type {string} */ name) => works(name, ['--version'])
  return [
    ...missing(modules, imports),
    ...missing({ ...programs, ...(isFull && fullPrograms) }, runs),
    ...missing({ ...files, ...(isFull && fullFiles) }, isThere),
  ]
}

/** Packages of the parts that are not there. @param {Record<string, string>} parts @param {(part: string) => boolean} there */
function missing(parts, there) {
  return Object.entries(parts)
    .filter(([part]) => !there(part))
    .map(([, name]) => name)
}

/** Where Debian has PostgreSQL's programs, by version. */
const postgres = '/usr/lib/postgresql'

/** In a folder of PATH, or where system programs are that ordinary users have no PATH to. @param {string} file */
function isThere(file) {
  const versions = existsSync(postgres) ? readdirSync(postgres).map((version) => join(postgres, version, 'bin')) : []
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', ...versions]
  return folders.some((folder) => existsSync(join(folder, file)))
}

/** @param {string} file @param {readonly string[]} args */
function works(file, args) {
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0
}

/** Longest time of one command, as apt-get, ms. */
const APT_LIMIT = 600_000

/**
 * Debian's package of PostgreSQL makes a cluster and starts it for good, unless a file in this folder forbids it. The
 * tests start servers of their own. `createcluster.conf` would do, too, but then lacks the defaults of the package.
 */
const NO_CLUSTER = '/etc/postgresql-common/createcluster.d/celeriac-tests.conf'

/** Packages that cannot be had do not keep the others away. What went wrong, in a few words. @param {readonly string[]} packages @returns {string} */
function aptInstall(packages) {
  const prefix = privilege()
  if (!prefix) return 'neither root nor sudo without a password'
  const apt = (/** @type {string[]} */ ...words) =>
    command([...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...words])
  if (!apt('update', '-qq')) return 'apt-get update failed'
  if (!packages.includes('postgresql')) return installEach(apt, packages)
  const isOurs = !existsSync(NO_CLUSTER)
  if (isOurs && !writeFile(prefix, NO_CLUSTER, 'create_main_cluster = false')) return `cannot write ${NO_CLUSTER}`
  try {
    return installEach(apt, packages)
  } finally {
    // What is installed later is the administrator's matter.
    if (isOurs) command([...prefix, 'rm', '-f', NO_CLUSTER])
  }
}

/**
 * All at once; where that fails, one by one. What went wrong.
 * @param {(...words: string[]) => boolean} apt @param {readonly string[]} packages
 */
function installEach(apt, packages) {
  const install = (/** @type {readonly string[]} */ names) =>
    apt('install', '-y', '-qq', '--no-install-recommends', ...names)
  if (install(packages)) return 'installed, but not found afterwards'
  for (const name of packages) install([name])
  return 'apt-get install failed'
}

/** Whether the program succeeds. @param {readonly string[]} words */
function command([file = '', ...args]) {
  return spawnSync(file, args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: APT_LIMIT }).status === 0
}

/**
 * Write a line into a file, and make its folder.
 * @param {readonly string[]} prefix @param {string} path @param {string} line
 */
function writeFile(prefix, path, line) {
  const script = 'mkdir -p "$(dirname "$1")" && echo "$2" > "$1"'
  return command([...prefix, 'sh', '-c', script, 'sh', path, line])
}

/** The words to put before a command that needs root; undefined: there is no way. @returns {string[] | undefined} */
function privilege() {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined
}

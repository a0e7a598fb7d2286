// @ts-check
// The parts that the tests need and npm cannot bring: Python with Celery, whose messages are our reference, and NumPy.
import { spawnSync } from 'node:child_process'
import { fail } from './lib.mjs'

const python = '/usr/bin/python3'
const modules = { celery: 'python3-celery', msgpack: 'python3-msgpack', numpy: 'python3-numpy' }

/** Installs what is missing with apt-get where that is possible; else says what to install and ends the process. */
export function ensureSystemParts() {
  const missing = missingPackages()
  if (missing.length === 0) return
  console.log(`Installing ${missing.join(', ')} (apt-get install) ...`)
  const problem = aptInstall(missing)
  const still = missingPackages()
  if (still.length === 0) return
  fail(`The tests need ${still.join(', ')} (${problem}). Please run: sudo apt-get install -y ${still.join(' ')}`)
}

function missingPackages() {
  return Object.entries(modules)
    .filter(([module]) => spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' }).status !== 0)
    .map(([, name]) => name)
}

/** What went wrong, in a few words. @param {readonly string[]} packages @returns {string} */
function aptInstall(packages) {
  const prefix = privilege()
  if (!prefix) return 'neither root nor sudo without a password'
  for (const step of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const [file = '', ...args] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...step]
    const { status } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    if (status !== 0) return `apt-get ${step[0]} failed`
  }
  return 'installed, but /usr/bin/python3 does not import them'
}

/** The words to put before a command that needs root; undefined: there is no way. @returns {string[] | undefined} */
function privilege() {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined
}

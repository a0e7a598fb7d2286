// @ts-check
// npm run release -- VERSION [--dry-run]  prepares a release in the working tree: version, changelog, package, commit, tag
//   VERSION    as 0.2.0; not lower than the version in package.json, and not tagged yet
//   --dry-run  makes every check and changes no file of the repository (dist/ is built, as for every package)
// It publishes and pushes nothing: at the end it prints the commands that do. Exit codes: 0 done, 1 refused, 2 wrong use.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fail, root } from './lib.mjs'

/**
 * The fields of package.json that say where the public repository is. There is none yet, so they are missing, and no release can be made.
 * The maintainers add them with the public repository: this is the only place that checks.
 */
const REPOSITORY_FIELDS = ['repository', 'bugs', 'homepage']
const CHANGELOG = 'CHANGELOG.md'
const HEADING = '## Unreleased'
/** Longest time of one command, ms: packing compiles the sources. */
const LIMIT_MS = 300_000
/** Paths that no package has, even below its folders. */
const NEVER_PACKED = /(?:^|\/)(?:test|node_modules|\.[^/]+)\/|\.(?:tgz|db|env|pem|key)$|(?:^|\/)\.[^/]+$/

const { version, isDryRun } = readArguments(process.argv.slice(2))
const manifest = JSON.parse(text('package.json'))
checkTree()
checkVersion()
const changelog = releasedChangelog()
checkRepository()
const { count, size } = checkPackage()
console.log(`The package of ${version} has ${count} files, ${(size / 1e6).toFixed(1)} MB packed.`)
if (isDryRun) console.log(`Dry run: nothing was changed. npm run release -- ${version} commits and tags v${version}.`)
else release()

function release() {
  const files = [CHANGELOG, 'package.json', 'package-lock.json']
  try {
    write(CHANGELOG, changelog)
    for (const file of files.slice(1)) setVersion(file)
    command('git', ['commit', '-q', '-m', `release: ${version}`, '--', ...files])
  } catch (error) {
    git('restore', '--staged', '--worktree', '--', ...files)
    fail(`nothing was changed: ${reasonOf(error)}`)
  }
  git('tag', '-a', `v${version}`, '-m', `${manifest.name} ${version}`)
  console.log(`Committed and tagged v${version}. Nothing was published. Next:
  npm run test:full && npm run test:fresh
  git push --follow-tags
  npm publish`)
}

/** @param {string[]} words */
function readArguments(words) {
  const isDryRun = words.includes('--dry-run')
  const [version = '', ...rest] = words.filter((word) => word !== '--dry-run')
  if (rest.length > 0 || !numbersOf(version)) fail('usage: npm run release -- VERSION [--dry-run], as 0.2.0', 2)
  return { version, isDryRun }
}

function checkTree() {
  const names = git('status', '--porcelain').split('\n').filter(Boolean)
  if (names.length > 0) fail(`the working tree is not clean: ${names.map((line) => line.slice(3)).join(', ')}`)
}

function checkVersion() {
  const [now, next] = [numbersOf(manifest.version), numbersOf(version)]
  if (!now || !next) return fail(`package.json: expected a version as 0.2.0, got ${manifest.version}`)
  const at = next.findIndex((number, index) => number !== now[index])
  if (at >= 0 && Number(next[at]) < Number(now[at]))
    fail(`expected a version from ${manifest.version} on, got ${version}`)
  if (git('tag', '--list', `v${version}`) !== '') fail(`the tag v${version} exists already`)
}

function checkRepository() {
  const missing = REPOSITORY_FIELDS.filter((name) => manifest[name] === undefined)
  if (missing.length > 0)
    fail(`package.json: expected ${missing.join(', ')}: a release needs the address of the public repository`)
}

/** The changelog with what is unreleased under the new version. @returns {string} */
function releasedChangelog() {
  const before = text(CHANGELOG)
  const [, entries] = before.split(`${HEADING}\n`, 2)
  if (entries === undefined) return fail(`${CHANGELOG}: expected a heading "${HEADING}"`)
  if (!/^- /m.test(entries.split(/^## /m, 1)[0] ?? '')) fail(`${CHANGELOG}: expected entries under "${HEADING}"`)
  if (before.includes(`\n## ${version} `)) fail(`${CHANGELOG}: ${version} is there already`)
  const today = new Date().toISOString().slice(0, 10)
  return before.replace(`${HEADING}\n`, `${HEADING}\n\n## ${version} - ${today}\n`)
}

/** Compares the list of files in the package with package.json. */
function checkPackage() {
  const { paths, size } = pack()
  const absent = expectedFiles().filter((path) => !paths.includes(path))
  if (absent.length > 0) fail(`the package has no ${absent.join(', ')}`)
  const foreign = paths.filter((path) => !belongs(path))
  if (foreign.length > 0) fail(`the package has files that do not belong to it: ${foreign.slice(0, 5).join(', ')}`)
  return { count: paths.length, size }
}

/** Packs into a temporary folder. @returns {{ paths: string[], size: number }} */
function pack() {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-release-'))
  let reason = ''
  try {
    const printed = command('npm', ['pack', '--json', '--pack-destination', folder])
    // Scripts that run before packing may have printed lines of their own.
    const [{ files, size }] = JSON.parse(printed.slice(printed.search(/^\[/m)))
    return { paths: files.map((/** @type {{ path: string }} */ file) => file.path), size }
  } catch (error) {
    reason = reasonOf(error)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return fail(`npm pack failed: ${reason}`)
}

/** What users import, run and read first. @returns {string[]} */
function expectedFiles() {
  const targets = Object.values(manifest.exports ?? {}).flatMap((target) =>
    typeof target === 'string' ? [target] : [target.types, target.default],
  )
  const programs = Object.values(manifest.bin ?? {})
  const files = [...targets, ...programs].filter(Boolean).map((path) => path.replace(/^\.\//, ''))
  return [...files, 'README.md', 'LICENSE', CHANGELOG]
}

/** @param {string} path */
function belongs(path) {
  const listed = [...manifest.files.filter((/** @type {string} */ name) => !name.startsWith('!')), 'package.json']
  return listed.some((name) => path === name || path.startsWith(`${name}/`)) && !NEVER_PACKED.test(path)
}

/** @param {string} file package.json or the lock file, which has the version twice */
function setVersion(file) {
  const content = JSON.parse(text(file))
  content.version = version
  if (content.packages?.['']) content.packages[''].version = version
  write(file, `${JSON.stringify(content, null, 2)}\n`)
}

/** Its three numbers. @param {string} version */
function numbersOf(version) {
  return /^(\d+)\.(\d+)\.(\d+)$/.exec(version)?.slice(1).map(Number)
}

/** @param {string} file */
function text(file) {
  return readFileSync(join(root, file), 'utf8')
}

/** @param {string} file @param {string} content */
function write(file, content) {
  writeFileSync(join(root, file), content)
}

/** What git prints; one line and the end where it fails. @param {...string} args @returns {string} */
function git(...args) {
  try {
    return command('git', args)
  } catch (error) {
    return fail(`git ${args[0]} failed: ${reasonOf(error)}`)
  }
}

/** What a program prints. @param {string} file @param {readonly string[]} args @returns {string} */
function command(file, args) {
  return execFileSync(file, args, { cwd: root, encoding: 'utf8', stdio: 'pipe', timeout: LIMIT_MS, maxBuffer: 1 << 26 })
}

/** The last line that a failed program wrote, or the error's own message. @param {any} error @returns {string} */
function reasonOf(error) {
  const lines = String(error.stderr ?? '')
    .trim()
    .split('\n')
  return lines.at(-1) || String(error.message).split('\n')[0] || 'unknown reason'
}

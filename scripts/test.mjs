// @ts-check
// npm test            types, lint, format, build, then every suite on every store; the first failed step ends it
// npm test -- FILTER  the same checks, but only the test files whose path contains FILTER
// npm run test:quick  types, lint, format, and what needs no server: within a minute
// npm run test:full   npm test with all long tests, then test/soak, then the release's checks on other versions of Node
//   --minutes N       how long the random kills of test/soak last (default 5)
//   --node VERSION    run the tests on this version of Node, which npm installs into a cache folder
import { ensureInstalled, environment, fail, install, output, node as own, run } from './lib.mjs'
import { ensureSystemParts } from './system.mjs'

const vitest = ['node_modules/vitest/vitest.mjs', 'run']
/** What the compiler found out is kept for the next run. */
const incremental = ['--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo']
const types = { title: 'Types', args: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', ...incremental] }
/** The pages run in a browser: with its types, and without those of Node. */
const pageTypes = {
  title: 'Types of the pages',
  args: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.dashboard.json'],
}
const biome = 'node_modules/@biomejs/biome/bin/biome'
const lint = { title: 'Lint and format', args: [biome, 'check', '--error-on-warnings', '.'] }
const build = { title: 'Build', args: ['scripts/build.mjs'] }

const { tier, minutes, version, filters } = readArguments(process.argv.slice(2))
ensureInstalled()
const node = version === undefined ? own : install(`node-${version}`, { node: version })
if (tier !== 'quick') ensureSystemParts(tier === 'full')
await check(tier === 'quick' ? [types, pageTypes, lint] : [types, pageTypes, lint, build])
for (const { title, args, env } of stages()) await step(title, args, env)

/** @returns {{ title: string, args: string[], env?: Record<string, string> }[]} */
function stages() {
  if (tier === 'test') return [{ title: 'Tests', args: [...vitest, ...filters] }]
  const config = (/** @type {string} */ name) => [...vitest, '--config', `vitest.${name}.config.ts`, ...filters]
  if (tier === 'quick') return [{ title: 'Quick tests', args: config('quick') }]
  const soak = { title: 'Soak tests', args: config('soak'), env: { SOAK_MINUTES: String(minutes) } }
  return [{ title: 'All tests', args: config('full') }, soak]
}

/** Runs all of them at once, and prints what each said when it has ended. @param {{ title: string, args: string[] }[]} steps */
async function check(steps) {
  const ends = await Promise.all(
    steps.map(async ({ title, args }) => {
      const { code, text } = await output(own, args, environment())
      console.log(`\n== ${title}\n${text.trimEnd()}`)
      return { title, code }
    }),
  )
  for (const { title, code } of ends) if (code !== 0) fail(`${title}: failed (exit code ${code})`)
}

/** @param {string} title @param {string[]} args @param {Record<string, string>} [env] */
async function step(title, args, env) {
  console.log(`\n== ${title}`)
  const code = await run(node, args, { ...environment(node), ...env })
  if (code !== 0) fail(`${title}: failed (exit code ${code})`, code)
}

/** @param {string[]} words @returns {{ tier: 'test' | 'quick' | 'full', minutes: number, version: string | undefined, filters: string[] }} */
function readArguments(words) {
  const rest = [...words]
  /** @type {'test' | 'quick' | 'full'} */
  const tier = rest[0] === '--quick' ? 'quick' : rest[0] === '--full' ? 'full' : 'test'
  if (tier !== 'test') rest.shift()
  const version = take(rest, '--node')
  const minutes = Number(take(rest, '--minutes') ?? 5)
  if (!(minutes >= 0)) fail('--minutes: expected a number', 2)
  return { tier, minutes, version, filters: rest }
}

/** The value of an option, which is removed from the words. @param {string[]} words @param {string} name */
function take(words, name) {
  const at = words.indexOf(name)
  if (at === -1) return undefined
  const [, value] = words.splice(at, 2)
  return value ?? fail(`${name}: expected a value`, 2)
}

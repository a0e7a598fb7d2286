// @ts-check
// npm test: everything that must hold, in the order of cost; stops at the first step that fails.
// npm test -- FILTER runs all checks, but only the test files whose path contains FILTER.
// npm run test:soak: the long tests of test/soak only.
import { ensureInstalled, node, run } from './lib.mjs'
import { ensureSystemParts } from './system.mjs'

const vitest = ['node_modules/vitest/vitest.mjs', 'run']
const biome = 'node_modules/@biomejs/biome/bin/biome'
const args = process.argv.slice(2)

const checks = [
  { title: 'Types', command: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'] },
  { title: 'Lint and format', command: [biome, 'check', '--error-on-warnings', '.'] },
  { title: 'Build', command: ['scripts/build.mjs'] },
  { title: 'Tests', command: [...vitest, ...args] },
]
const soak = [{ title: 'Soak tests', command: [...vitest, '--config', 'vitest.soak.config.ts', ...args.slice(1)] }]

ensureInstalled()
ensureSystemParts()
for (const { title, command } of args[0] === '--soak' ? soak : checks) {
  console.log(`\n== ${title}`)
  const code = await run(node, command)
  if (code !== 0) {
    console.error(`${title}: failed (exit code ${code})`)
    process.exit(code)
  }
}

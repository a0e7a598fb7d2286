// @ts-check
// node scripts/run.mjs FILE [args]: installs what is missing, then runs a TypeScript file on the repository's own Node.
import { ensureInstalled, node, nodeFlags, run } from './lib.mjs'
import { ensurePages } from './pages.mjs'

ensureInstalled()
await ensurePages()
process.exitCode = await run(node, [...nodeFlags, ...process.argv.slice(2)])

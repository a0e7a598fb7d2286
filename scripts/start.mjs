// @ts-check
// npm start [NAME] [-- flags]: installs what is missing, then runs examples/NAME/main.ts on the repository's own Node.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled, fail, node, nodeFlags, root, run } from './lib.mjs'
import { ensurePages } from './pages.mjs'

const examples = join(root, 'examples')
const args = process.argv.slice(2)
const name = args[0] === undefined || args[0].startsWith('-') ? 'integral' : args[0]
const flags = args[0] === name ? args.slice(1) : args

const names = existsSync(examples)
  ? readdirSync(examples).filter((each) => existsSync(join(examples, each, 'main.ts')))
  : []
if (!names.includes(name)) fail(`no example ${name}; there are: ${names.sort().join(', ') || 'none'}`, 2)

ensureInstalled()
await ensurePages()
process.exitCode = await run(node, [...nodeFlags, join('examples', name, 'main.ts'), ...flags])

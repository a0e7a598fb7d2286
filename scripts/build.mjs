// @ts-check
// npm run build: src/ compiled into a fresh dist/, with declarations and source maps, and the pages at /dashboard and /docs.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled, node, root, run } from './lib.mjs'
import { buildPages } from './pages.mjs'

ensureInstalled()
rmSync(join(root, 'dist'), { recursive: true, force: true })
process.exitCode = await run(node, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
await buildPages()

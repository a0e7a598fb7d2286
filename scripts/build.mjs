// @ts-check
// npm run build: src/ compiled into a fresh dist/, with declarations and source maps, and the pages of the dashboard.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled, node, root, run } from './lib.mjs'
import { buildPages } from './pages.mjs'

ensureInstalled()
rmSync(join(root, 'dist'), { recursive: true, force: true })
process.exitCode = await run(node, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
await buildPages()
// The page at /docs is served as it is.
cpSync(join(root, 'src/http/apiDocs'), join(root, 'dist/http/apiDocs'), { recursive: true })

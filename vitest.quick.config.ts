import { defineConfig, mergeConfig } from 'vitest/config'
import { projects } from './test/projects.ts'
import base from './vitest.config.ts'

/** `npm run test:quick`, for the inner loop: what needs no server, no browser, no Python and no package, in memory and on SQLite. */
const config = mergeConfig(base, defineConfig({ test: { env: { TEST_STORES: 'memory,sqlite', TEST_TIER: 'quick' } } }))

// mergeConfig joins lists; this one must replace what the base has.
config.test.projects = projects(
  [
    'test/*.test.ts',
    'test/{app,std,protocol,webhook}/**/*.test.ts',
    'test/{backend,broker}/{memory,sqlite,search}*.test.ts',
    'test/broker/sqlite/**/*.test.ts',
  ],
  [
    '**/*.full.test.ts',
    '**/*.golden.test.ts',
    'test/{bundle,release}.test.ts',
    // Servers that receive, and processes that are killed.
    'test/webhook/{delivery,endpoint}.test.ts',
    'test/broker/sqlite/{files,hammer,migration,vacuum}.test.ts',
  ],
)

export default config

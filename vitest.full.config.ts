import { defineConfig, mergeConfig } from 'vitest/config'
import { projects } from './test/projects.ts'
import base, { ALL } from './vitest.config.ts'

/** `npm run test:full`: the tests of `npm test` and those that are too long for it; test/soak runs after them. */
const config = mergeConfig(base, defineConfig({ test: { env: { TEST_TIER: 'full' } } }))

// mergeConfig joins lists; this one must replace what the base has.
config.test.projects = projects(ALL, ['test/soak/**'])

export default config

import { defineConfig, mergeConfig } from 'vitest/config'
import { projects } from './test/projects.ts'
import base from './vitest.config.ts'

const limit = 60 * 60_000

/** The soak tests of `npm run test:full`: one file after the other, an hour at most for each test. */
const config = mergeConfig(base, defineConfig({ test: { maxWorkers: 1, testTimeout: limit, hookTimeout: limit } }))

// mergeConfig joins lists; this one must replace what the base has.
config.test.projects = projects(['test/soak/**/*.test.ts'], [])

export default config

import { defineConfig, mergeConfig } from 'vitest/config'
import base from './vitest.config.ts'

const limit = 60 * 60_000

/** The long tests, which `npm test` leaves out: one after the other, an hour at most for each. */
const config = mergeConfig(base, defineConfig({ test: { maxWorkers: 1, testTimeout: limit, hookTimeout: limit } }))

// mergeConfig joins lists; these two must replace what the base has.
config.test.include = ['test/soak/**/*.test.ts']
config.test.exclude = ['**/node_modules/**']

export default config

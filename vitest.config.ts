import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** `import 'celeriac'` means src/ here, in the tests and in every Node process and thread that they start. */
const conditions = ['source']
const nodeFlags = ['--conditions=source', '--disable-warning=ExperimentalWarning']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/soak/**'],
    globalSetup: ['test/rabbitmq/keeper.ts'],
    pool: 'forks',
    // More than there are cores: the longest of them mostly wait, for servers, leases, and processes that die.
    maxWorkers: Math.min(3, 2 * availableParallelism()),
    execArgv: nodeFlags,
    // The many processes that the tests start compile the same files: each of them once.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/node-compile', import.meta.url)) },
    // A machine of CI may stand still for seconds, and these tests have clocks: what fails there is asked once more, and said to be flaky.
    retry: process.env.CI ? 1 : 0,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})

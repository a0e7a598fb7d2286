import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { projects } from './test/projects.ts'
import { SummaryReporter } from './test/reporter.ts'
import { LongestFirst } from './test/sequencer.ts'
import { useTemporaryFolder } from './test/temporary.ts'

useTemporaryFolder()

/** `import 'celeriac'` means src/ here, in the tests and in every Node process and thread that they start. */
const conditions = ['source']
const preload = `--import=${new URL('test/resolve.mjs', import.meta.url).href}`
const nodeFlags = ['--conditions=source', '--disable-warning=ExperimentalWarning']

/** Every test file. */
export const ALL = ['test/**/*.test.ts', 'examples/**/*.test.ts']

/** `npm test`. The long tests (`*.full.test.ts` and test/soak) run in `npm run test:full`. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    globalSetup: ['test/rabbitmq/keeper.ts', 'test/postgres/keeper.ts', 'test/dashboard/keeper.ts'],
    reporters: ['default', new SummaryReporter(10)],
    sequence: { sequencer: LongestFirst },
    pool: 'forks',
    // More than there are cores: the longest tests mostly wait, for servers, leases, and processes that die.
    maxWorkers: Math.min(5, 2 * availableParallelism() + 1),
    execArgv: nodeFlags,
    // The many processes that the tests start compile the same files: each of them once.
    env: {
      NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/node-compile', import.meta.url)),
      NODE_OPTIONS: [process.env.NODE_OPTIONS, preload].filter(Boolean).join(' '),
    },
    // Far above what any test takes: machines of CI are slow for minutes, and waits say what they waited for (test/wait.ts).
    testTimeout: 150_000,
    // A hook may start a server.
    hookTimeout: 150_000,
    projects: projects(ALL, ['**/*.full.test.ts', 'test/soak/**']),
  },
})

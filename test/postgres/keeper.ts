import type { TestProject } from 'vitest/node'
import { openDesk } from '../desk.ts'
import { PostgresServer } from './server.ts'
import './shared.ts'

/** A database that was handed out, and the test file that has it. */
interface Lent {
  readonly url: string
  readonly process: number
  readonly file: string
}

/** Vitest's global setup: hands out empty databases of one PostgreSQL server. */
export function setup(project: TestProject): Promise<() => Promise<void>> {
  let lent: readonly Lent[] = []
  const handOut = async (server: PostgresServer, query: URLSearchParams): Promise<string> => {
    const holder = { process: Number(query.get('process')), file: query.get('file') ?? '' }
    const over = lent.filter(
      (one) => !isRunning(one.process) || (one.process === holder.process && one.file !== holder.file),
    )
    lent = lent.filter((one) => !over.includes(one))
    for (const { url } of over) await server.drop(url)
    const url = await server.empty()
    lent = [...lent, { url, ...holder }]
    return url
  }
  // Many test files at once, each with some workers and apps.
  return openDesk(project, 'postgres', () => PostgresServer.start({ settings: { max_connections: 300 } }), handOut)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

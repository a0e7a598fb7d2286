import type { TestProject } from 'vitest/node'
import { openDesk } from '../desk.ts'
import { RabbitServer } from './server.ts'
import './shared.ts'

/** Vitest's global setup: hands out virtual hosts of one rabbitmq-server. */
export function setup(project: TestProject): Promise<() => Promise<void>> {
  return openDesk(
    project,
    'rabbitmq',
    () => RabbitServer.start(),
    (server) => server.empty(),
  )
}

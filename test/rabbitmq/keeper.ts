import type { TestProject } from 'vitest/node'
import { openDesk } from '../desk.ts'
import { RabbitServer } from './server.ts'
import './shared.ts'

/** Vitest's global setup: hands out virtual hosts of one rabbitmq-server, and runs rabbitmqctl for it. */
export function setup(project: TestProject): Promise<() => Promise<void>> {
  return openDesk(
    project,
    'rabbitmq',
    () => RabbitServer.start(),
    (server, query) => {
      const ctl = query.get('ctl')
      return ctl === null ? server.empty() : server.ctl(...(JSON.parse(ctl) as string[]))
    },
  )
}

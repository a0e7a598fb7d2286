import { describe } from 'vitest'
import { inFull } from '../../tier.ts'
import { control } from '../suites/control.ts'

describe.each(['rpc', ...inFull('redis' as const)] as const)('results: %s', (results) =>
  control({ broker: 'rabbitmq', results }),
)

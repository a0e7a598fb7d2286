import { describe } from 'vitest'
import { toPython } from '../suites/toPython.ts'

describe.each(['redis', 'rpc'] as const)('results: %s', (results) => toPython({ broker: 'rabbitmq', results }))

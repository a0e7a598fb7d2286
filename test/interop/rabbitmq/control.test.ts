import { describe } from 'vitest'
import { control } from '../suites/control.ts'

describe.each(['redis', 'rpc'] as const)('results: %s', (results) => control({ broker: 'rabbitmq', results }))

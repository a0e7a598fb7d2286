import { describe } from 'vitest'
import { fromPython } from '../suites/fromPython.ts'

describe.each(['redis', 'rpc'] as const)('results: %s', (results) => fromPython({ broker: 'rabbitmq', results }))

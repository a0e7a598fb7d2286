import { describe } from 'vitest'
import { inFull } from '../../tier.ts'
import { fromPython } from '../suites/fromPython.ts'

describe.each(['rpc', ...inFull('redis' as const)] as const)('results: %s', (results) =>
  fromPython({ broker: 'rabbitmq', results }),
)

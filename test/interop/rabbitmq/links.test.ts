import { describe } from 'vitest'
import { links } from '../suites/links.ts'

describe.each(['redis', 'rpc'] as const)('results: %s', (results) => links({ broker: 'rabbitmq', results }))

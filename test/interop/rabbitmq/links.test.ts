import { describe } from 'vitest'
import { inFull } from '../../tier.ts'
import { links } from '../suites/links.ts'

describe.each(['rpc', ...inFull('redis' as const)] as const)('results: %s', (results) =>
  links({ broker: 'rabbitmq', results }),
)

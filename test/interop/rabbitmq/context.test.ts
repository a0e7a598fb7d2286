import { context } from '../suites/context.ts'

context({ broker: 'rabbitmq' })

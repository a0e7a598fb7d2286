import { inspect } from '../suites/inspect.ts'

inspect({ broker: 'rabbitmq' })

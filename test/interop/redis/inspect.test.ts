import { inspect } from '../suites/inspect.ts'

inspect({ broker: 'redis' })

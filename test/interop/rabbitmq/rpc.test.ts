import { rpc } from '../suites/rpc.ts'

rpc({ broker: 'rabbitmq' })

import { recorder } from '../suites/recorder.ts'

recorder({ broker: 'rabbitmq', results: 'rpc' })

import { rpc } from '../suites/rpc.ts'

rpc()

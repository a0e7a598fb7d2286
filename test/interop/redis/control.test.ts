import { control } from '../suites/control.ts'

control()

import { recorder } from '../suites/recorder.ts'

recorder()

import { App } from '../../../src/celeriac.ts'
import { recorderOf } from '../../../src/recorder/recorder.ts'

/* A process that records the events of the store `process.argv[2]` into the file `process.argv[3]`, until it is killed. */

const [, , broker = '', file = ''] = process.argv
const app = new App({ broker, logger: false, recorder: { file } })
const recorder = await recorderOf(app)
await recorder.start()
const timer = setInterval(async () => {
  if (!(await recorder.status()).isRecording) return
  clearInterval(timer)
  process.stdout.write('records\n')
}, 20)

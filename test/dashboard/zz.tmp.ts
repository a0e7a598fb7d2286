import { startDemo } from './demo.ts'

const demo = await startDemo()
console.log(demo.scene.url, await demo.failed(), await demo.workflow())
for (let i = 0; i < 12; i++) {
  await demo.submit(60)
  await new Promise((r) => setTimeout(r, 500))
}
console.log('ready')
setInterval(() => void demo.submit(4), 1000)

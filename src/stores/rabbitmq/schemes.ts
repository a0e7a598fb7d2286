/** Schemes of URLs that name a RabbitMQ; `pyamqp` is Celery's word for the first. */
export const AMQP_SCHEMES: readonly string[] = ['amqp', 'amqps', 'pyamqp', 'pyamqps']

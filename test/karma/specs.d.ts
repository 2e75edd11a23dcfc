/** All specs of the backend suite: put together by karma.conf.cjs. */
declare module 'mapl:specs';

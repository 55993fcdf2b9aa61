import { inspect, make, mark } from '../../tasks.mjs';

export * from '../../tasks.mjs';

const moved = (bytes, context) => context.move(bytes, [bytes.buffer]);
export const makeMoved = (length, context) => moved(make(length), context);
export const remakeMoved = (bytes, context) => moved(make(inspect(bytes)), context);
export const makeInPlace = (length, context) => mark(context.alloc(length));
export const remakeInPlace = (bytes, context) => makeInPlace(inspect(bytes), context);

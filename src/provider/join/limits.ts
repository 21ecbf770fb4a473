/** Times that a redemption is judged and written anew because somebody else changed the Site. */
export const maxRedemptionTries = 8;

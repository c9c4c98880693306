"""What recognisers write in brackets where they hear a noise.

Nothing is imported here, so that settings do not need what reads texts.
"""

DEFAULT_NOISE_TAGS = (
    # the recogniser's own notes
    *("noise", "background noise", "noises", "silence", "blank audio", "no audio", "no speech"),
    *("inaudible", "unintelligible", "indistinct", "indistinct chatter", "crosstalk", "chatter"),
    *("static", "beep", "beeping", "bleep", "feedback", "sound", "sounds", "audio", "pause"),
    *("unk", "unknown", "spoken noise", "non speech", "nonspeech", "end of audio", "foreign"),
    *("foreign language", "speaking foreign language", "speaking in foreign language"),
    # music
    *("music", "music playing", "upbeat music", "soft music", "dramatic music", "gentle music"),
    *("background music", "music fades", "music continues", "intro music", "singing", "humming"),
    *("sings", "hums", "whistling", "whistles", "song", "♪", "♫", "♬", "♩"),
    # people
    *("laughter", "laugh", "laughs", "laughing", "chuckle", "chuckles", "chuckling", "giggles"),
    *("giggle", "giggling", "audience laughing", "audience laughter", "applause", "clapping"),
    *("claps", "cheering", "cheers", "cheers and applause", "crowd", "crowd cheering", "cough"),
    *("coughs", "coughing", "sneeze", "sneezes", "sneezing", "sniff", "sniffs", "sniffles"),
    *("sniffling", "sigh", "sighs", "sighing", "gasp", "gasps", "gasping", "groan", "groans"),
    *("breath", "breathes", "breathing", "heavy breathing", "inhales", "exhales", "yawn", "yawns"),
    *("clears throat", "clearing throat", "throat clearing", "crying", "sobbing", "cries", "sobs"),
    *("screaming", "screams", "mumbles", "mumbling", "whispering", "lip smack", "grunts"),
    # things
    *("click", "clicks", "clicking", "typing", "keyboard clicking", "mouse clicking", "footsteps"),
    *("door opens", "door closes", "door slams", "knocking", "phone ringing", "phone rings"),
    *("ringing", "dial tone", "ringtone", "bell", "bell rings", "dog barking", "barking", "wind"),
    *("wind blowing", "birds chirping", "engine revving", "traffic", "siren", "sirens", "thud"),
)
"""The notes of common recognisers. Words are tags inside brackets only, signs wherever they are."""

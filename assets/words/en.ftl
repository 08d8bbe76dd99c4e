# Every string of the window, in English. Values stand in braces.

# Things to do: the name, and one plain sentence.
do-develop = Develop
do-develop-tip = Make the picture
do-stop = Stop
do-stop-tip = Stop here and keep what has developed
do-pause = Pause
do-pause-tip = Pause after this step, or resume
do-palette = All commands
do-palette-tip = Find any command by name
do-settings = Settings
do-settings-tip = Theme, language and where things are kept
do-open-model = Open model…
do-open-model-tip = Open a Stable Diffusion v1 model: .safetensors, .ckpt or a diffusers folder
do-open-picture = Open picture…
do-open-picture-tip = Use the settings stored in a picture
do-save-as = Save as…
do-save-as-tip = Save a copy as PNG, JPEG or WebP
do-copy = Copy picture
do-copy-tip = Copy the picture to the clipboard
do-reveal = Show in folder
do-reveal-tip = Show in folder
do-use-settings = Reuse settings
do-use-settings-tip = Reuse this picture's settings
do-compare = Compare
do-compare-tip = Lay two pictures over each other and wipe between them
do-delete = Delete
do-delete-tip = Move the picture to the trash
do-undo-delete = Undo delete
do-undo-delete-tip = Restore the last deleted picture
do-surprise = Surprise me
do-surprise-tip = Fill in something the model knows
do-new-seed = New seed
do-new-seed-tip = A new seed gives a different picture of the same words
do-lock-seed = Lock seed
do-lock-seed-tip = Use this seed for every picture
do-gallery = Gallery
do-gallery-tip = Show or hide the gallery
do-controls = Controls
do-controls-tip = Show or hide the controls
do-more = Advanced
do-more-tip = Sampler, added noise, timesteps and previews
do-negative = Negative prompt
do-negative-tip = Describe what the picture should not show
do-play = Play
do-play-tip = Watch it develop again
do-export-gif = Export as GIF…
do-export-gif-tip = Save the development as a GIF, which plays anywhere
do-export-apng = Export as APNG…
do-export-apng-tip = Save the development as an animated PNG in full color
do-decode-step = Decode in full
do-decode-step-tip = Decode this step with the full decoder
do-previous-step = Previous step
do-previous-step-tip = Go back one step
do-next-step = Next step
do-next-step-tip = Go forward one step
do-zoom-fit = Fit to window
do-zoom-fit-tip = Show the whole picture
do-zoom-in = Zoom in
do-zoom-in-tip = Enlarge the picture
do-zoom-out = Zoom out
do-zoom-out-tip = Reduce the picture
do-focus-prompt = Edit prompt
do-focus-prompt-tip = Move the cursor to the prompt
do-focus-search = Search pictures
do-focus-search-tip = Move the cursor to the search field
do-open-folder = Open pictures folder
do-open-folder-tip = Open the folder where pictures are saved
do-restart = Restart
do-restart-tip = Restart the image engine
do-quit = Quit
do-quit-tip = Close Safelight; you'll be asked about unfinished work

# The prompt.
prompt = Prompt
prompt-hint = Describe your picture
negative-prompt = Negative prompt
negative-hint = Describe what it should not show
add-to-queue = Add to queue
add-to-queue-tip = Make this picture after the waiting ones
resume = Resume
tokens = { $used } of { $max } tokens
tokens-tip = How much of the model's limit your words use
tokens-dropped = Struck-out words exceed the limit and are ignored
unknown-words = This model doesn't know { $words }
knows-only = This model knows { $n } things, such as { $examples }

# The controls.
guidance = Guidance
guidance-tip = How closely the picture follows the words
acts-from-next-step = Applies from the next step
steps = Steps
steps-tip = More steps take longer and bring out more detail
steps-exact = Runs exactly { $n } · reference rule: { $reference }
steps-reference = Runs { $reference } steps by the reference rule
steps-run-tip = The reference takes every so many timesteps, so for some counts it runs more steps than you ask for. Advanced lets you choose.
seed = Seed
seed-tip = The same seed and settings make the same picture again
size = Size
size-tip = Width and height in pixels
free-size = Custom size
width = Width
height = Height
pictures = Pictures
pictures-tip = How many to make, each with the next seed
more-pictures = One more
fewer-pictures = One fewer
sampler = Sampler
sampler-tip = The rule by which each step removes noise
eta = Added noise (η)
eta-tip = How much new noise each step adds; 0 adds none
temperature = Noise scale
temperature-tip = Scales the added noise; 1 is standard
spacing = Timesteps
spacing-tip = How the steps are spread over the schedule
spacing-exact = Exact
spacing-uniform = Reference
spacing-quad = More at the end
preview = Previews
preview-tip = How each step is shown while the picture develops
preview-auto = Auto
preview-full = Full
preview-half = Half size
preview-tiny = Tiny
preview-fast = Fast
preview-off = Off
preview-of = { $mode } preview
rng = Random numbers
rng-tip = Which generator a seed stands for: torch's on a CPU, or CUDA's
device = Device
device-tip = Where the model runs; click to change it
device-named = Device: { $name }
device-threads = { $n ->
    [one] { $name }, { $n } thread
   *[other] { $name }, { $n } threads
}
device-auto = Automatic
device-card = Graphics card
device-later = Takes effect after this picture
threads = Threads
precision = Precision
memory = Memory: { $size }
memory-tip = Memory that Safelight uses now
queue = Queue
waiting = { $n } waiting
move-job = Move “{ $prompt }”
move-job-tip = Drag to reorder
remove-job = Remove “{ $prompt }”
remove-job-tip = Remove from the queue
seed-and-steps = seed { $seed } · { $steps } steps

# The model.
model-named = Model: { $name }
opening-model = Opening model
loading = { $part } · { $percent } %
no-model = No model
starting = Starting
open-failed = Couldn't be opened
built-in = built in
starter = Starter
starter-note = Small, built in
engine-stopped = Stopped
engine-gone = The image engine has stopped. Restart it to continue.

# The gallery.
search = Search prompts
today = Today
yesterday = Yesterday
days-ago = { $n } days ago
developing-named = Developing: { $prompt }
gallery-empty = Finished pictures are kept here, with everything needed to make them again
gallery-reading = Loading your pictures
nothing-found = No prompt matches
no-pictures = No pictures yet
n-pictures = { $n ->
    [one] { $n } picture
   *[other] { $n } pictures
}

# The tray.
welcome = Say what you want to see
welcome-starter = Then watch it develop. The starter model is small and knows { $n } things; to make anything else, drop a Stable Diffusion model here.
welcome-examples = Then watch it develop, or begin with one of these. The starter model is small and knows { $n } things; to make anything else, drop a Stable Diffusion model here.
example = Develop “{ $prompt }”
welcome-model = Then watch it develop. To use another Stable Diffusion model, drop its file here.
wipe = Wipe
end-compare = End comparison
size-of = { $width } × { $height }
size-shown-smaller = { $width } × { $height }, shown smaller
left-empty = nothing
differs-guidance = guidance { $value }
differs-seed = seed { $value }
differs-steps = { $value } steps
differs-size = { $value }
differs-sampler = { $value }
differs-negative = without: { $value }
differs-eta = η { $value }
differs-spacing = timesteps: { $value }
differs-temperature = noise strength { $value }
differs-rng = random numbers: { $value }
step-of = Step { $step } of { $steps }
step-at = Step { $step } of { $steps }, t = { $t }
step-number = Step { $step }
timestep = t = { $t }
pausing = Pausing after step { $step } of { $steps }
paused-at = Paused after step { $step } of { $steps }
stopping = Stopping
stopped-after = Stopped after { $step } of { $steps } steps
failed-after = Failed after { $step } of { $steps } steps
not-saved = Not saved
waiting-for-model = Waiting for the model
beginning = Starting
predicted = Prediction at this step
predicted-in-full = Prediction at this step, decoded in full
summary = { $steps } steps · guidance { $guidance } · seed { $seed }
pace = { $step } a step · { $left }
seconds = { $n } s
seconds-left = { $n } s left
minutes-left = { $n } min left
hours-left = { $n } h left
file-saved = { $file }, saved
saving = Saving
steps-in = { $steps } steps in { $time }
previews-off = Previews are off
previews-full = Every step decoded in full, { $percent } % of the time
previews-mode = { $mode } previews (approximate)
decoding = Decoding
save-step = Save this step…
back-to-latest = Back to latest
drop-picture = Drop to use this picture's settings
drop-model = Drop to open this model
drop-other = Drop a picture or a model file

# The filmstrip.
filmstrip = Filmstrip
export = Export development
export-tip = Save the development as an animation
progress = Progress

# The palette, the settings, closing.
palette-hint = Search commands
palette-nothing = No command matches
settings = Settings
close = Close
theme = Theme
theme-system = System
theme-dark = Dark
theme-light = Light
language = Language
reduce-motion = Reduce motion
pictures-folder = Pictures folder
show = Show
places = Also kept on this computer
place-settings = Settings and prompts
place-cache = Cache
place-data = Preview models (TAESD)
show-place = Show: { $what }
choose = Choose…
close-title = A picture is developing
close-running = Closing stops it. What has developed won't be saved.
close-waiting = { $n ->
    [one] Closing stops it and discards { $n } queued picture.
   *[other] Closing stops it and discards { $n } queued pictures.
}
keep-working = Keep working
close-anyway = Close anyway

# Cards.
dismiss = Dismiss
show-details = Show details
hide-details = Hide details
saved-as = Saved { $what }
deleted = Deleted { $what }
copied = Picture copied
settings-from = Using the settings of { $what }
settings-from-partly = Using some settings of { $what }. What it doesn't say stays as it was.
settings-from-other = Using the settings of { $what }. It was made with { $sampler }; { $used } is used instead.
no-settings-in = { $what } has no settings that Safelight can read.
pasted-bare = The pasted picture has no settings. Drop its file here instead.
nothing-to-compare = There is no other picture to compare with yet.
announce-started = Developing
announce-finished = Picture finished
announce-stopped = Stopped
announce-starter = The starter model is open
announce-opened = { $what } is open

# What failed.
desktop-behind = Too many files are waiting to be read or written. Try again in a moment.
desktop-gone = Safelight can no longer read or write files. Close it and start it again.
no-dialog-open = No file dialog is available. Drop the file here or paste its path.
no-dialog-save = No file dialog is available. Saved in { $what } instead.
no-dialog-folder = No file dialog is available. Pictures are saved in { $what }.
engine-no-thread = The image engine couldn't start. Close other programs, then restart it.
started-again = The graphics card failed. Safelight has started again, and the processor goes on.
graphics-failed = Some of the window couldn’t be drawn. If it looks wrong, restart Safelight.
filter-models = Models
filter-pictures = Pictures

# What failed: what happened, and what to do.
engine-died = The image engine has stopped. Restart it; if this happens again, report it with the details.
engine-behind = Too many requests are waiting. Try again in a moment.
error-stopped = Stopped.
error-model-missing = Model not found. It may have been moved or deleted.
error-unreadable = { $file } can't be read. Check its permissions and the drive.
error-file-changed = { $file } has changed since it was opened. Open it again.
error-out-of-memory = The system has no memory left. Close other programs, or choose a smaller picture or model.
error-out-of-card-memory = The graphics card has no memory left. Choose a smaller picture, or another device.
error-empty = { $file } is empty. Download it again.
error-incomplete = { $file } is incomplete. Download it again.
error-lfs-pointer = { $file } only points to a model. Run “git lfs pull” where it came from, or download the file itself.
error-web-page = { $file } is a saved web page. Sign in to the site and download the model itself.
error-foreign-zip = { $file } is an archive with no model in it. Unpack it or choose another file.
error-foreign = { $file } is not a model file that Safelight can read.
error-damaged = { $file } is damaged. Download it again.
error-asks-to-run = { $file } asks to run “{ $name }” and was refused. Don't trust it; get the model elsewhere, ideally as safetensors.
error-big-endian = { $file } was written for another kind of processor. Save the model as safetensors again.
error-other-model = { $file } is a model of another kind ({ $found }). Choose a Stable Diffusion v1 model.
error-missing-part = { $file } has no { $part } weights. Download the whole folder.
error-unsupported = { $file } uses a setting that Safelight doesn't know. Choose another model.
error-wrong-kind = { $file } doesn't match its config. Choose another model or give it its own config.
error-element-type = { $file } stores numbers as { $found }, which Safelight doesn't read. Get the model as F16 or F32.
error-config-unreadable = The config { $file } can't be read. Check its permissions.
error-config-no-yaml = The model's config is not valid YAML. Repair or replace it.
error-config-key = The model's config can't be used. Choose another model or repair the config.
error-weights = The model's weights don't match its config, or can't be read. Choose another model.
error-no-encoder = The model's VAE has no encoder. Use a whole VAE.
error-no-whole-decoder = The model's VAE is incomplete: its decoder lacks tensors. Choose another model or add a whole VAE.
error-device = This device can't be used. Choose another one.
error-shape = The model can't do this. Choose another one.
error-backend = The { $device } failed. Close other programs, or make a smaller picture.
error-no-starter = This build has no starter model. Open a model file.
error-no-model = No model is open. Open one first.
error-not-from-words = This model doesn't make pictures from words. Choose a text-to-image model.
error-width = Width { $found } doesn't work with this model. Use a multiple of { $multiple } up to { $most }, such as { $lower } or { $upper }.
error-height = Height { $found } doesn't work with this model. Use a multiple of { $multiple } up to { $most }, such as { $lower } or { $upper }.
error-eta = Added noise can be { $least } to { $most }, not { $found }.
error-guidance = Guidance can be { $least } to { $most }, not { $found }.
error-temperature = The noise scale can be { $least } to { $most }, not { $found }.
error-not-finite-text-encoder = The model's text encoder gave invalid numbers. The file is damaged or badly converted; choose another.
error-not-finite-unet = The model gave invalid numbers. Use f32, or choose another model file.
error-not-finite-first-stage = The model's VAE gave invalid numbers. The file is damaged or badly converted; choose another.
error-steps = Steps can be 1 to { $most }, not { $found }.
error-eta-zero = { $sampler } adds no noise. Set added noise to 0 or choose { $other }.
error-step-gone = This step is no longer available. Make the picture again to see it.
error-write = { $file } can't be written. Choose another place.
error-ending = { $file } has no known ending. Use { $expected }.
error-picture-large = { $file } is too large ({ $width }×{ $height } pixels).
error-picture-size = A picture of { $width } × { $height } pixels can't be saved as { $format }. Save as PNG.
error-no-picture = { $file } is not a picture that can be opened.
error-encode = The picture can't be written as { $format }. Save as PNG.
error-remembered = Some settings couldn't be read and were reset.
error-not-remembered = Settings can't be saved. They last until you close the window.
error-file-task = Something went wrong with a file. Try again.
error-not-in-gallery = { $file } is not in the gallery and was left alone.
error-in-trash = The picture is already in the trash. Restore it from there.
error-gallery = Something went wrong in the pictures folder.
error-not-shown = { $file } can't be shown. Open it in your file manager.
error-no-model-in-folder = There is no model in { $file }. Choose the folder that holds model_index.json, or a single model file.
error-several-models = There are several models in { $file }: { $names }. Choose one of them.
error-part-of-folder = { $file } is a part of the model in the folder { $folder }. Open that folder.
error-json = { $file } holds text, not a model; sites send such text in place of a file. Download the model itself.
error-text = { $file } is a text file. Choose the model itself.
error-format = { $file } is a { $name } file. Choose the same model as safetensors.
error-archive = { $file } is a { $name } archive. Unpack it and choose the model in it.
error-picture = { $file } is a { $name } picture, not a model.
error-film = { $file } is a film or sound, not a model.
error-program = { $file } is a program, not a model.
error-other-file = { $file } is a { $name } file, not a model.
error-zeros = { $file } is empty space; its download never finished. Download it again.
error-other-family = { $file } is a model of another family ({ $name }). Choose a Stable Diffusion v1 model.
error-addition = { $file } is an addition to models ({ $name }), not a model itself. Choose a Stable Diffusion v1 model.
error-embedding = { $file } is an embedding: it adds words to a model. Choose a Stable Diffusion v1 model.
error-hypernetwork = { $file } is a hypernetwork: it changes a model. Choose a Stable Diffusion v1 model.
error-upscaler = { $file } is an upscaler: it enlarges pictures. Choose a Stable Diffusion v1 model.
error-vae-alone = { $file } is a VAE, one part of a model. Open a model first, then drop the VAE on the window.
error-other-vae = { $file } is a VAE of another family of models.
error-tiny-vae = { $file } is TAESD, a small decoder for previews. Put it beside your model and open the model.
error-text-encoder-alone = { $file } is a text encoder, one part of a model. Open a model first, then drop it on the window.
error-other-text-encoder = { $file } is a text encoder of another family ({ $name }).
error-image-encoder = { $file } is an image encoder, which belongs to adapters. Choose a Stable Diffusion v1 model.
error-unet-alone = { $file } is a UNet alone. Open the whole model, or the folder it belongs to.
error-lacks-vae = { $file } has no VAE. Drop a VAE file on the window to open it with that.
error-lacks-text-encoder = { $file } has no text encoder. Drop a text encoder file on the window to open it with that.
error-lacks-both = { $file } has neither VAE nor text encoder. Drop both files on the window, one after the other.
error-not-a-vae = { $file } is not a VAE that goes with this model.
error-not-a-text-encoder = { $file } is not a text encoder that goes with this model.
error-part-width = { $file } is of another family and does not go with this model.
error-missing-file = { $name } is missing from { $file }. Download the whole folder.
error-part-without-model = This is one part of a model. Open a model file first, then drop this on the window.
error-config-of-model = The config { $file } can't be used. Repair it, or choose another model.
error-weights-of-model = { $file } doesn't match its config, or can't be read. Choose another model.

# What is odd but fine.
note-steps-differ = { $asked } steps become { $runs } by the reference's rule
note-steps-clamped = With { $steps } steps the last timestep is { $used }
note-tokens-dropped = The prompt has { $needed } tokens and { $fit } fit; ignored: { $dropped }
note-negative-dropped = The negative prompt has { $needed } tokens and { $fit } fit; ignored: { $dropped }
note-heads-assumed = The file doesn't say how many attention heads the UNet has; { $heads } are assumed
note-text-heads-assumed = The file doesn't say how many heads the text encoder has; { $heads } are assumed
note-groups-assumed = Unusual UNet widths; norms of { $groups } groups are assumed
note-first-stage-groups-assumed = Unusual VAE widths; norms of { $groups } groups are assumed
note-other-betas = The file has a noise schedule of its own, up to { $last }
note-eps-assumed = The file doesn't say what the model predicts; noise is assumed
note-v-told = The file says that the model predicts v; it runs that way
note-v-assumed = The noise schedule ends without signal; v is assumed to be predicted
note-prediction-unknown = The file says that the model predicts “{ $told }”, which Safelight doesn't know; noise is assumed
note-predictions-differ = The file says that the model predicts { $told }, its config says otherwise; the config is used
note-zero-terminal-snr = The noise schedule ends without signal, as the file has it
note-ema-absent = The file has no averaged weights (EMA); its own weights are used
note-ema-only = The file has only averaged weights (EMA); they are used
note-encoder-absent = The VAE has no encoder; text to picture works all the same
note-rows-without-words = The text encoder has added words ({ $rows }); they are left out
note-names-unwrapped = Unusual tensor names ({ $tensors }) are read as the usual ones
note-bytes-behind-the-end = The file has extra bytes at its end ({ $bytes }); they are left out
note-rests-left-out = The file also holds parts of { $network }; they are left out
note-safety-checker = The folder's safety checker is not used
note-found-within = The model in this folder: { $found }
note-vae-laid-over = The VAE is that of { $file }
note-text-encoder-laid-over = The text encoder is that of { $file }
note-scheduler-assumed = The folder doesn't describe its noise schedule; that of v1 is assumed
note-companion-left-aside = { $file } beside the model belongs to another program and is ignored
note-buffer-differs = The file's { $name } differ from its config; the config is used
note-former-starter = This picture is from an earlier starter that made smaller pictures; its size is now { $width } × { $height }
note-no-tiny-previews = No tiny previews: { $file } can't be used
note-fit-error = error { $error }
note-card-lost = The graphics card failed after step { $done }. The processor goes on.
note-rough-colors = Fast previews; rough colors until they are ready
note-fit-not-ready = Fast previews are being prepared
note-other-sampler = The picture was made with { $found }; { $used } is used instead
note-other-size = The picture is { $found }; { $used } is the nearest size this model makes
note-other-steps = The picture was made with { $found } steps; { $used } are used
note-other-eta = The picture was made with η { $found }; { $sampler } needs 0
note-other-model = The picture was made with { $found }; { $used } is used
note-not-told = The picture doesn't say its { $what }
note-was-stopped = The picture was stopped after { $after } steps; all steps are run
note-was-steered = Guidance was changed on the way; its last value, { $used }, is used
note-settings-left-out = A { $format } file holds only the settings that other programs know
note-prompts-cut = The prompts don't fit into a { $format } file and are cut in it
note-preview-not-saved = A step's preview could not be saved: { $cause }

# The queue as a whole, pictures that are not saved, strips.
do-stop-all = Stop all
do-stop-all-tip = End the running picture and clear the queue
do-clear-queue = Clear queue
do-clear-queue-tip = Take all waiting pictures out of the queue
do-continue-queue = Continue queue
do-continue-queue-tip = Go on with the pictures that wait in the queue
do-develop-again = Develop again
do-develop-again-tip = Make what was interrupted when the program ended
do-redo-delete = Redo delete
do-redo-delete-tip = Delete again what was brought back last
do-save-again = Try again
do-save-again-tip = Save the pictures that could not be saved
do-pick-folder = Choose folder…
do-pick-folder-tip = Keep pictures in another folder
place-in-queue = { $at } of { $of }
queue-on-hold = On hold
error-step-of-other-model = This picture was made with another model. Open it to see the steps.
strip-is-coming = The steps are being drawn again. Try again in a moment.
unsaved = Not saved yet
unsaved-count = { $n ->
    [one] A picture couldn't be saved. It is kept until it can be.
   *[other] { $n } pictures couldn't be saved. They are kept until they can be.
}
saved-late = { $n ->
    [one] A picture that couldn't be saved last time is saved now.
   *[other] { $n } pictures that couldn't be saved last time are saved now.
}
interrupted = { $n ->
    [one] A picture was interrupted when the program ended: { $what }
   *[other] { $n } pictures were interrupted or waiting when the program ended, the first: { $what }
}
beside-another = Safelight is open twice. This window won't remember its settings.
starter-instead = The starter is open instead.
close-unsaved-title = Not everything is saved
close-unsaved = { $n ->
    [one] A picture is not saved yet.
   *[other] { $n } pictures are not saved yet.
}
